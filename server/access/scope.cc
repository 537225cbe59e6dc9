#include "server/access/scope.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/base/errors.h"

namespace retention {
namespace {

absl::Status OutOfScope(std::string_view field) {
  return ErrorWithReason(absl::StatusCode::kPermissionDenied, "OUT_OF_SCOPE",
                         absl::StrCat(std::string(field), ": not within what the caller may reach"));
}

const std::string& PbxIdOf(const google::protobuf::Message& request, std::string& scratch) {
  const auto* field = request.GetDescriptor()->FindFieldByName("pbx_id");
  return field == nullptr ? scratch : request.GetReflection()->GetStringReference(request, field, &scratch);
}

const google::protobuf::RepeatedPtrField<v1::Event>& EventsOf(const google::protobuf::Message& request) {
  const auto* stream = dynamic_cast<const v1::RecordEventsRequest*>(&request);
  return stream != nullptr ? stream->events() : static_cast<const v1::BatchRecordEventsRequest&>(request).events();
}

}  // namespace

std::shared_ptr<const Scope> Scope::Union(const Scope& a, const Scope& b) {
  auto pbx_ids = a.pbx_ids_;
  pbx_ids.insert(b.pbx_ids_.begin(), b.pbx_ids_.end());
  auto controller_ids = a.controller_ids_;
  controller_ids.insert(b.controller_ids_.begin(), b.controller_ids_.end());
  return std::make_shared<const Scope>(std::move(pbx_ids), std::move(controller_ids));
}

absl::StatusOr<Scope::Reach> Scope::Look(std::string_view pbx_id, const ControllerOf& controller_of) const {
  if (pbx_ids_.contains(pbx_id)) return Reach::kWithin;
  if (controller_ids_.empty()) return Reach::kBeyond;
  const auto controller = controller_of(pbx_id);
  if (!controller.ok()) return controller.status();
  if (!controller->has_value()) return Reach::kUnknown;
  return controller_ids_.contains(**controller) ? Reach::kWithin : Reach::kBeyond;
}

absl::StatusOr<bool> Scope::Has(std::string_view pbx_id, const ControllerOf& controller_of) const {
  const auto reach = Look(pbx_id, controller_of);
  if (!reach.ok()) return reach.status();
  return *reach == Reach::kWithin;
}

absl::Status Scope::CheckSync(std::string_view pbx_id, std::string_view controller_id,
                              const ControllerOf& controller_of, std::string_view field) const {
  if (pbx_ids_.contains(pbx_id)) return absl::OkStatus();
  const auto reach = Look(pbx_id, controller_of);
  if (!reach.ok()) return reach.status();
  const bool is_theirs = *reach != Reach::kBeyond && controller_ids_.contains(controller_id);
  return is_theirs ? absl::OkStatus() : OutOfScope(field);
}

absl::Status Scope::Check(ScopeRule rule, const google::protobuf::Message& request,
                          const ControllerOf& controller_of) const {
  switch (rule) {
    case ScopeRule::kFree:
    case ScopeRule::kCut:
      return absl::OkStatus();
    case ScopeRule::kPbx: {
      std::string scratch;
      const auto has = Has(PbxIdOf(request, scratch), controller_of);
      if (!has.ok()) return has.status();
      return *has ? absl::OkStatus() : OutOfScope("pbx_id");
    }
    case ScopeRule::kSync: {
      const auto& sync = static_cast<const v1::SyncPbxRequest&>(request);
      return CheckSync(sync.pbx_id(), sync.controller_id(), controller_of, "pbx_id");
    }
    case ScopeRule::kEvents: {
      const auto& events = EventsOf(request);
      std::map<std::string_view, Reach> looked;
      for (int i = 0; i < events.size(); ++i) {
        const v1::Event& event = events[i];
        const std::string field = absl::StrCat("events[", i, "].pbx_id");
        if (event.has_pbx_synced()) {
          absl::Status s = CheckSync(event.pbx_id(), event.pbx_synced().controller_id(), controller_of, field);
          if (!s.ok()) return s;
          continue;
        }
        auto known = looked.find(event.pbx_id());
        if (known == looked.end()) {
          const auto reach = Look(event.pbx_id(), controller_of);
          if (!reach.ok()) return reach.status();
          known = looked.emplace(event.pbx_id(), *reach).first;
        }
        if (known->second == Reach::kBeyond) return OutOfScope(field);
      }
      return absl::OkStatus();
    }
    case ScopeRule::kDenied:
    default:
      return ErrorWithReason(absl::StatusCode::kPermissionDenied, "OUT_OF_SCOPE",
                             "the method reaches beyond what the caller may reach");
  }
}

}  // namespace retention
