// What a policy and controllers say for a notice: the facts of its templates.
#pragma once

#include <string>
#include <vector>

#include "client/notice/notice_texts.h"
#include "client/notice/template.h"
#include "retention/v1/controller_service.pb.h"
#include "retention/v1/policy.pb.h"

namespace retention {

// What a notice is written from.
struct NoticeSource {
  v1::Policy policy;
  std::vector<v1::Controller> controllers;
};

// For notice.*.md and record.*.md. What several controllers have alike is said once.
Facts FactsOf(const NoticeSource& source, Language language);

// In the words of phrases.*.txt.
std::string PeriodText(const v1::Period& period, Language language, bool dative = false);
// How long a category lives, in a sentence or two.
std::string RuleText(const v1::DeletionRule& rule, Language language);
// The sentence of its extension. REQUIRES: it has an extended period.
std::string ExtensionText(const v1::DeletionRule& rule, Language language);
// "RECORDING".
std::string NameOf(v1::DataCategory category);
// The phrase `kind`.NAME of a category, or `kind` if there is none.
std::string CategoryPhrase(const char* kind, v1::DataCategory category, Language language);
// That of a value of another enum, whose names begin with `prefix`: PhraseOf("role", "RECIPIENT_ROLE_PROCESSOR", ...).
std::string PhraseOf(const char* kind, const std::string& name, const char* prefix, Language language);
// The text in a language, or the other one if there is none.
const std::string& In(Language language, const v1::LocalText& text);
// Address lines and country on one line, with `separator` between; empty if there are none.
std::string AddressText(const v1::Party& party);

// "NOTICE" as markdown or HTML: a template filled with the facts of a source.
Document WriteNotice(const NoticeSource& source, Language language);
// The record of processing activities (Art. 30 GDPR).
Document WriteRecord(const NoticeSource& source, Language language);

}  // namespace retention
