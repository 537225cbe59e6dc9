#include "client/commands/contexts.h"

#include <fcntl.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/input_stream.h"

namespace retention {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr char kCurrent[] = "current";
constexpr char kContexts[] = "contexts";
constexpr char kInsecure[] = "insecure";

struct TextField {
  const char* name;
  std::string Target::*value;
};
constexpr TextField kTextFields[] = {{"server", &Target::address},
                                     {"ca", &Target::ca_file},
                                     {"cert", &Target::certificate_file},
                                     {"key", &Target::key_file}};

absl::Status Bad(const std::string& file, const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat(file, ": ", what));
}

absl::Status Failed(const std::string& file, int error) {
  return absl::UnavailableError(absl::StrCat(file, ": ", std::strerror(error)));
}

using Fields = google::protobuf::Map<std::string, google::protobuf::Value>;

// False if a field is unknown or of another kind.
bool ReadTarget(const Fields& fields, Target& target) {
  for (const auto& [name, value] : fields) {
    if (name == kInsecure && value.kind_case() == google::protobuf::Value::kBoolValue) {
      target.insecure = value.bool_value();
      continue;
    }
    const auto known = std::find_if(std::begin(kTextFields), std::end(kTextFields),
                                    [name = name](const TextField& field) { return name == field.name; });
    if (known == std::end(kTextFields) || value.kind_case() != google::protobuf::Value::kStringValue) return false;
    target.*(known->value) = value.string_value();
  }
  return CheckAddress(target.address).ok();
}

bool ReadAll(const Fields& fields, Contexts& contexts) {
  for (const auto& [name, value] : fields) {
    if (name == kCurrent && value.kind_case() == google::protobuf::Value::kStringValue) {
      contexts.current = value.string_value();
    } else if (name == kContexts && value.kind_case() == google::protobuf::Value::kStructValue) {
      for (const auto& [context, target] : value.struct_value().fields()) {
        if (!IsContextName(context) || target.kind_case() != google::protobuf::Value::kStructValue ||
            !ReadTarget(target.struct_value().fields(), contexts.named[context])) {
          return false;
        }
      }
    } else {
      return false;
    }
  }
  return contexts.current.empty() || contexts.named.contains(contexts.current);
}

std::string Json(const Contexts& contexts) {
  google::protobuf::Struct all;
  (*all.mutable_fields())[kCurrent].set_string_value(contexts.current);
  Fields& named = *(*all.mutable_fields())[kContexts].mutable_struct_value()->mutable_fields();
  for (const auto& [name, target] : contexts.named) {
    Fields& fields = *named[name].mutable_struct_value()->mutable_fields();
    for (const TextField& field : kTextFields) {
      if (!(target.*(field.value)).empty()) fields[field.name].set_string_value(target.*(field.value));
    }
    if (target.insecure) fields[kInsecure].set_bool_value(true);
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string json;
  // Fails only for text that is not UTF-8, which no command line takes.
  if (!google::protobuf::util::MessageToJsonString(all, &json, options).ok()) json.clear();
  return json;
}

bool WriteDurably(const std::string& file, const std::string& text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return false;
  const bool is_written = ::fchmod(descriptor, S_IRUSR | S_IWUSR) == 0 &&
                          ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                          ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return is_written;
}

}  // namespace

bool IsContextName(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

absl::StatusOr<Contexts> ReadContexts(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    if (errno == ENOENT) return Contexts{};
    return Bad(file, std::strerror(errno));
  }
  if (status.st_uid != ::geteuid()) return Bad(file, "belongs to another user");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return Bad(file, "others may read or change it; chmod 600 it");
  const auto text = ReadFile(file);
  if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
  google::protobuf::Struct all;
  Contexts contexts;
  if (!google::protobuf::util::JsonStringToMessage(*text, &all).ok() || !ReadAll(all.fields(), contexts)) {
    return Bad(file, "not a file of contexts");
  }
  return contexts;
}

absl::Status WriteContexts(const std::string& file, const Contexts& contexts) {
  const std::string directory = std::filesystem::path(file).parent_path();
  std::error_code error;
  const bool is_new = !directory.empty() && std::filesystem::create_directories(directory, error);
  if (error) return Failed(directory, error.value());
  if (is_new) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  const std::string next = file + ".new";
  if (WriteDurably(next, Json(contexts)) && ::rename(next.c_str(), file.c_str()) == 0) return absl::OkStatus();
  const int failure = errno;
  ::unlink(next.c_str());
  return Failed(file, failure);
}

std::string DefaultContextFile() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (std::string file = variable("RETENTION_CONTEXT_FILE"); !file.empty()) return file;
  std::string directory = variable("XDG_CONFIG_HOME");
  if (directory.empty() && !variable("HOME").empty()) directory = variable("HOME") + "/.config";
  return directory.empty() ? "" : directory + "/retentionctl/contexts.json";
}

}  // namespace retention
