// Lists of meetings, page by page.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/meetings/listing.h"
#include "server/meetings/meeting_reader.h"
#include "server/rows/extension_names.h"
#include "server/rows/row_keys.h"

namespace retention {
namespace {

// What a request asks for, checked.
struct Question {
  bool descending = false;
  int page_size = 0;
  std::string position;   // of the last occurrence that was looked at: begin and id, as keys have them; empty at first
  std::string organizer;  // as rows name the extension; empty for all
  std::optional<int64_t> ends_after_us;
  std::optional<int64_t> begins_before_us;
};

constexpr size_t kPositionBytes = sizeof(int64_t) + OwnerId::kBytes;

absl::StatusOr<bool> IsDescending(const std::string& order_by) {
  const std::vector<std::string> words = absl::StrSplit(order_by, ' ', absl::SkipEmpty());
  if (words.empty() || (words.size() == 1 && words[0] == "begin_time")) return false;
  if (words.size() == 2 && words[0] == "begin_time" && words[1] == "desc") return true;
  return InvalidField("order_by", "\"begin_time\" or \"begin_time desc\"");
}

absl::Status CheckTime(std::string_view field, const google::protobuf::Timestamp& time) {
  return IsEventTime(time) ? absl::OkStatus() : InvalidField(field, "not a time since 2000-01-01");
}

absl::StatusOr<std::string> PositionOf(const v1::ListMeetingsRequest& request) {
  auto position = PositionIn(request);
  if (!position.ok() || position->empty() || position->size() == kPositionBytes) return position;
  return InvalidField("page_token", "not a token of this server");
}

absl::StatusOr<Question> QuestionOf(const v1::ListMeetingsRequest& request) {
  Question question;
  FieldViolations violations;
  violations.Add(CheckIdentifier("pbx_id", request.pbx_id()));
  if (!request.meeting_id().empty()) violations.Add(CheckIdentifier("meeting_id", request.meeting_id()));
  auto page_size =
      PageSize(request.page_size(), MeetingReader::kDefaultMeetingsPerPage, MeetingReader::kMaxMeetingsPerPage);
  if (const int* size = violations.Take(page_size)) question.page_size = *size;
  auto descending = IsDescending(request.order_by());
  if (const bool* is = violations.Take(descending)) question.descending = *is;
  if (request.has_ends_after()) {
    violations.Add(CheckTime("ends_after", request.ends_after()));
    question.ends_after_us = MicrosOf(request.ends_after());
  }
  if (request.has_begins_before()) {
    violations.Add(CheckTime("begins_before", request.begins_before()));
    question.begins_before_us = MicrosOf(request.begins_before());
  }
  auto position = PositionOf(request);
  if (std::string* where = violations.Take(position)) question.position = std::move(*where);
  if (!violations.ok()) return violations.status();
  return question;
}

// An occurrence that comes up, by where it stands.
struct Candidate {
  std::string position;
  OwnerId meeting;
};

// Occurrences in the order that is asked for.
class Candidates {
 public:
  virtual ~Candidates() = default;
  // The next one; nullopt at the end. One that cannot be asked for, by what is known of it without a look at it, is
  // given without a meeting.
  virtual absl::StatusOr<std::optional<Candidate>> Next() = 0;
  // Whether some were lost with a damaged file.
  virtual bool HasLost() const { return false; }
};

// Those of a PBX, or of an extension: a walk over rows that are in order.
class ListedMeetings final : public Candidates {
 public:
  ListedMeetings(const StoreView& view, const PbxId& pbx, const Question& question)
      : question_(question), prefix_(BeginPrefix(pbx, ScopeOf(question))) {
    const OwnerId scope = ScopeOf(question);
    std::string begin = prefix_;
    if (question.ends_after_us.has_value()) {
      begin = BeginKey(pbx, scope, *question.ends_after_us - absl::ToInt64Microseconds(LongestOccurrence()));
    }
    const std::string end =
        question.begins_before_us.has_value() ? BeginKey(pbx, scope, *question.begins_before_us) : PrefixEnd(prefix_);
    if (end <= begin) return;
    cursor_ = view.Scan(Family::kState, begin, end, AtLoss::kPass);
    if (question.descending) {
      cursor_->SeekBefore(question.position.empty() ? std::string() : prefix_ + question.position);
    } else if (!question.position.empty()) {
      cursor_->Seek(prefix_ + question.position + '\0');
    }
  }

  absl::StatusOr<std::optional<Candidate>> Next() override {
    if (cursor_ == nullptr) return std::nullopt;
    if (!cursor_->Valid()) {
      if (!cursor_->status().ok()) return cursor_->status();
      return std::nullopt;
    }
    const auto name = DecodeBeginKey(cursor_->key());
    const auto end_us = ListedEnd(cursor_->value());
    if (!name.has_value() || !end_us.has_value()) return absl::DataLossError("a listed meeting does not parse");
    Candidate candidate{.position = std::string(cursor_->key().substr(prefix_.size())), .meeting = name->meeting};
    if (question_.ends_after_us.has_value() && *end_us != 0 && *end_us <= *question_.ends_after_us) {
      candidate.meeting = OwnerId();
    }
    question_.descending ? cursor_->Previous() : cursor_->Next();
    return candidate;
  }
  bool HasLost() const override { return cursor_ != nullptr && cursor_->losses() > 0; }

 private:
  static OwnerId ScopeOf(const Question& question) {
    return question.organizer.empty() ? OwnerId() : OwnerId::From(question.organizer);
  }

  const Question& question_;
  const std::string prefix_;
  std::unique_ptr<RowCursor> cursor_;
};

// Those of one room. They lie together, and are put in order when they are asked for.
class MeetingsOfRoom final : public Candidates {
 public:
  static absl::StatusOr<std::unique_ptr<Candidates>> In(const StoreView& view, const PbxId& pbx, const RoomId& room,
                                                        const Question& question) {
    auto all = std::make_unique<MeetingsOfRoom>();
    const size_t prefix = BeginPrefix(pbx, OwnerId()).size();
    const auto locators = ReadLocators(view, pbx, room);
    if (!locators.ok()) return locators.status();
    for (const auto& [meeting, locator] : *locators) {
      const auto listing = ListingOf(locator);
      if (!listing.has_value()) continue;
      if (question.begins_before_us.has_value() && listing->begin_us >= *question.begins_before_us) continue;
      if (question.ends_after_us.has_value() && listing->end_us != 0 && listing->end_us <= *question.ends_after_us) {
        continue;
      }
      Candidate candidate{.position = BeginKey(pbx, OwnerId(), listing->begin_us, meeting).substr(prefix),
                          .meeting = meeting};
      const bool seen = !question.position.empty() && (question.descending ? candidate.position >= question.position
                                                                           : candidate.position <= question.position);
      if (!seen) all->waiting_.push_back(std::move(candidate));
    }
    // From the back, where they are taken.
    std::sort(all->waiting_.begin(), all->waiting_.end(), [&](const Candidate& a, const Candidate& b) {
      return question.descending ? a.position < b.position : b.position < a.position;
    });
    return all;
  }

  absl::StatusOr<std::optional<Candidate>> Next() override {
    if (waiting_.empty()) return std::nullopt;
    Candidate next = std::move(waiting_.back());
    waiting_.pop_back();
    return next;
  }

 private:
  std::vector<Candidate> waiting_;
};

}  // namespace

absl::StatusOr<v1::ListMeetingsResponse> MeetingReader::ListMeetings(const v1::ListMeetingsRequest& request,
                                                                     absl::Time now) const {
  auto question = QuestionOf(request);
  if (!question.ok()) return question.status();
  const auto pbx = FindPbx(request.pbx_id(), now);
  if (!pbx.ok()) return pbx.status();
  const auto view = store_.Snapshot();
  if (!request.organizer_extension().empty()) {
    const auto holder = FindHolder(*view, holdings_.vault, *pbx, {.number = request.organizer_extension()}, kLastSaid);
    if (!holder.ok()) return holder.status();
    if (!holder->has_value()) return v1::ListMeetingsResponse();
    question->organizer = std::string((*holder)->view());
  }
  std::unique_ptr<Candidates> candidates;
  if (request.meeting_id().empty()) {
    candidates = std::make_unique<ListedMeetings>(*view, *pbx, *question);
  } else {
    const auto named = holdings_.names.Find(*view, *pbx, request.meeting_id());
    if (!named.ok()) return named.status();
    auto of_room = MeetingsOfRoom::In(*view, *pbx, named->room, *question);
    if (!of_room.ok()) return of_room.status();
    candidates = *std::move(of_room);
  }
  v1::ListMeetingsResponse response;
  std::string last_seen;
  for (int scanned = 0;; ++scanned) {
    auto next = candidates->Next();
    if (!next.ok()) return next.status();
    if (candidates->HasLost()) response.set_incomplete(true);
    if (!next->has_value()) return response;
    if (response.meetings_size() == question->page_size || scanned == kMaxMeetingsScanned) break;
    last_seen = std::move((*next)->position);
    if ((*next)->meeting == OwnerId()) continue;
    const auto meeting =
        MeetingView::Read(*view, holdings_.vault, holdings_.policies.current(), *pbx, (*next)->meeting, now);
    if (IsOfLostRows(meeting.status())) {
      response.set_incomplete(true);
      continue;
    }
    if (!meeting.ok()) return meeting.status();
    if (!meeting->has_value()) continue;
    if (!question->organizer.empty() && (*meeting)->facts().organizer != question->organizer) continue;
    // Of what goes on the end is presumed.
    if (question->ends_after_us.has_value() && absl::ToUnixMicros((*meeting)->End()) <= *question->ends_after_us) {
      continue;
    }
    const auto shows = Shows(**meeting);
    if (!shows.ok() && !absl::IsDataLoss(shows.status())) return shows.status();
    if (shows.ok() && !*shows) continue;
    auto described = shows.ok() ? (*meeting)->Describe() : shows.status();
    if (absl::IsDataLoss(described.status())) described = (*meeting)->DescribeDamaged();
    if (!described.ok()) return described.status();
    *response.add_meetings() = *std::move(described);
  }
  response.set_next_page_token(TokenOf(last_seen, request));
  return response;
}

}  // namespace retention
