#include "storage/secrets/root_pkcs11.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr char kObjectLabel[] = "retention ring root";
constexpr char kDerivedLabel[] = "retention.v1 root";
constexpr mode_t kNotTheUser = 0077;
// Found at a time; a ring has two.
constexpr size_t kObjectsMax = 16;

absl::Status Failed(const char* operation, CK_RV result) {
  const std::string message = absl::StrFormat("root key: PKCS#11 %s: 0x%x", operation, result);
  switch (result) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_LOCKED:
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
      return absl::FailedPreconditionError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// "identity | epoch".
std::array<uint8_t, 20> IdOf(const RootName& name) {
  std::array<uint8_t, 20> id{};
  std::memcpy(id.data(), name.ring.data(), name.ring.size());
  for (int i = 0; i < 4; ++i) id[16 + i] = static_cast<uint8_t>(name.epoch >> (24 - 8 * i));
  return id;
}

CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, const void* value, size_t size) {
  return {type, const_cast<void*>(value), size};
}

class RootPkcs11 final : public RootKey {
 public:
  ~RootPkcs11() override {
    if (functions_ == nullptr) return;
    if (session_ != 0) functions_->C_CloseSession(session_);
    if (is_own_) functions_->C_Finalize(nullptr);
    // The module stays loaded: some leave threads.
  }

  absl::Status Open(const Pkcs11Place& place) {
    void* const module = ::dlopen(place.module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) return absl::UnavailableError("root key: the PKCS#11 module cannot be loaded");
    const auto list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
    if (list == nullptr || list(&functions_) != CKR_OK) {
      functions_ = nullptr;
      return absl::UnavailableError("root key: the module is no PKCS#11 module");
    }
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV initialized = functions_->C_Initialize(&arguments);
    is_own_ = initialized == CKR_OK;
    if (!is_own_ && initialized != CKR_CRYPTOKI_ALREADY_INITIALIZED) return Failed("initialize", initialized);
    const auto slot = FindToken(place.token);
    if (!slot.ok()) return slot.status();
    if (const CK_RV r =
            functions_->C_OpenSession(*slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_);
        r != CKR_OK) {
      return Failed("open session", r);
    }
    return LogIn(place.pin_file);
  }

  RootKind kind() const override { return RootKind::kPkcs11; }

  absl::StatusOr<SecretKey> Make(const RootName& name) override {
    const auto id = IdOf(name);
    const auto former = Find(&id);
    if (!former.ok()) return former.status();
    for (const CK_OBJECT_HANDLE object : *former) {
      if (const CK_RV r = functions_->C_DestroyObject(session_, object); r != CKR_OK) return Failed("destroy", r);
    }
    static constexpr CK_BBOOL kTrue = 1;
    static constexpr CK_BBOOL kFalse = 0;
    static constexpr CK_OBJECT_CLASS kClass = CKO_SECRET_KEY;
    static constexpr CK_KEY_TYPE kType = CKK_GENERIC_SECRET;
    static constexpr CK_ULONG kBytes = SecretKey::kBytes;
    CK_ATTRIBUTE attributes[] = {Attribute(CKA_CLASS, &kClass, sizeof(kClass)),
                                 Attribute(CKA_KEY_TYPE, &kType, sizeof(kType)),
                                 Attribute(CKA_VALUE_LEN, &kBytes, sizeof(kBytes)),
                                 Attribute(CKA_LABEL, kObjectLabel, std::strlen(kObjectLabel)),
                                 Attribute(CKA_ID, id.data(), id.size()),
                                 Attribute(CKA_TOKEN, &kTrue, sizeof(kTrue)),
                                 Attribute(CKA_PRIVATE, &kTrue, sizeof(kTrue)),
                                 Attribute(CKA_SENSITIVE, &kTrue, sizeof(kTrue)),
                                 Attribute(CKA_EXTRACTABLE, &kFalse, sizeof(kFalse)),
                                 Attribute(CKA_SIGN, &kTrue, sizeof(kTrue))};
    CK_MECHANISM mechanism{CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
    CK_OBJECT_HANDLE made = 0;
    if (const CK_RV r = functions_->C_GenerateKey(session_, &mechanism, attributes, std::size(attributes), &made);
        r != CKR_OK) {
      return Failed("generate", r);
    }
    return Read(name);
  }

  absl::StatusOr<SecretKey> Read(const RootName& name) override {
    const auto id = IdOf(name);
    const auto found = Find(&id);
    if (!found.ok()) return found.status();
    if (found->empty()) return absl::NotFoundError("root key: the token does not hold it");
    CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
    if (const CK_RV r = functions_->C_SignInit(session_, &mechanism, found->front()); r != CKR_OK) {
      return Failed("sign", r);
    }
    std::array<uint8_t, SecretKey::kBytes> derived{};
    CK_ULONG size = derived.size();
    std::string text = kDerivedLabel;
    const CK_RV r =
        functions_->C_Sign(session_, reinterpret_cast<uint8_t*>(text.data()), text.size(), derived.data(), &size);
    SecretKey key(derived);
    OPENSSL_cleanse(derived.data(), derived.size());
    if (r != CKR_OK || size != derived.size()) return Failed("sign", r);
    return key;
  }

  absl::Status KeepOnly(const RootName& name) override {
    const auto id = IdOf(name);
    const auto all = Find(nullptr);
    if (!all.ok()) return all.status();
    const auto kept = Find(&id);
    if (!kept.ok()) return kept.status();
    if (kept->empty()) return absl::NotFoundError("root key: the token does not hold it");
    for (const CK_OBJECT_HANDLE object : *all) {
      std::array<uint8_t, 20> found{};
      CK_ATTRIBUTE attribute = Attribute(CKA_ID, found.data(), found.size());
      const CK_RV read = functions_->C_GetAttributeValue(session_, object, &attribute, 1);
      // Other rings' stay.
      if (read != CKR_OK || attribute.ulValueLen != found.size() || found == id ||
          std::memcmp(found.data(), name.ring.data(), name.ring.size()) != 0) {
        continue;
      }
      if (const CK_RV r = functions_->C_DestroyObject(session_, object); r != CKR_OK) return Failed("destroy", r);
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<CK_SLOT_ID> FindToken(const std::string& label) {
    CK_ULONG count = 0;
    if (const CK_RV r = functions_->C_GetSlotList(1, nullptr, &count); r != CKR_OK) return Failed("list slots", r);
    std::vector<CK_SLOT_ID> slots(count);
    if (const CK_RV r = functions_->C_GetSlotList(1, slots.data(), &count); r != CKR_OK) return Failed("list slots", r);
    for (const CK_SLOT_ID slot : slots) {
      CK_TOKEN_INFO info;
      if (functions_->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
      std::string found(reinterpret_cast<const char*>(info.label), sizeof(info.label));
      found.erase(found.find_last_not_of(' ') + 1);  // padded
      if (found == label) return slot;
    }
    return absl::FailedPreconditionError(absl::StrCat("root key: there is no token '", label, "'"));
  }

  absl::Status LogIn(const std::string& pin_file) {
    struct stat info;
    if (::stat(pin_file.c_str(), &info) != 0) return absl::UnavailableError("root key: the PIN file cannot be read");
    if ((info.st_mode & kNotTheUser) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("root key: others have access to ", pin_file, ": chmod 0600 it"));
    }
    std::ifstream file(pin_file);
    std::string pin;
    std::getline(file, pin);
    const CK_RV r = functions_->C_Login(session_, CKU_USER, reinterpret_cast<uint8_t*>(pin.data()), pin.size());
    OPENSSL_cleanse(pin.data(), pin.size());
    return r == CKR_OK || r == CKR_USER_ALREADY_LOGGED_IN ? absl::OkStatus() : Failed("log in", r);
  }

  // All roots in the token, or those of an id.
  absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Find(const std::array<uint8_t, 20>* id) {
    std::vector<CK_ATTRIBUTE> wanted = {Attribute(CKA_LABEL, kObjectLabel, std::strlen(kObjectLabel))};
    if (id != nullptr) wanted.push_back(Attribute(CKA_ID, id->data(), id->size()));
    if (const CK_RV r = functions_->C_FindObjectsInit(session_, wanted.data(), wanted.size()); r != CKR_OK) {
      return Failed("find", r);
    }
    std::vector<CK_OBJECT_HANDLE> objects;
    std::array<CK_OBJECT_HANDLE, kObjectsMax> some{};
    CK_ULONG count = 0;
    CK_RV r = CKR_OK;
    while ((r = functions_->C_FindObjects(session_, some.data(), some.size(), &count)) == CKR_OK && count > 0) {
      objects.insert(objects.end(), some.begin(), some.begin() + count);
    }
    functions_->C_FindObjectsFinal(session_);
    if (r != CKR_OK) return Failed("find", r);
    return objects;
  }

  CK_FUNCTION_LIST* functions_ = nullptr;
  CK_SESSION_HANDLE session_ = 0;
  bool is_own_ = false;  // was initialised by this
};

}  // namespace

absl::StatusOr<std::unique_ptr<RootKey>> OpenRootPkcs11(const Pkcs11Place& place) {
  auto root = std::make_unique<RootPkcs11>();
  if (absl::Status s = root->Open(place); !s.ok()) return s;
  return root;
}

}  // namespace retention
