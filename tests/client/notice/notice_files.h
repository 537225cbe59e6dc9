// What notices are written from in tests: the policy and the controllers that are deployed.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "client/notice/notice_facts.h"

namespace retention {

inline std::string TextOfFile(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::string NoticeFixture(const std::string& name) { return TextOfFile(RETENTION_NOTICE_FIXTURES + name); }

inline NoticeSource DeployedSource() {
  NoticeSource source;
  v1::ControllerFile controllers;
  const std::string deployed = RETENTION_DEPLOY_DIRECTORY;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(TextOfFile(deployed + "policy.txtpb"), &source.policy));
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(TextOfFile(deployed + "controllers.txtpb"), &controllers));
  source.controllers.assign(controllers.controllers().begin(), controllers.controllers().end());
  return source;
}

inline v1::DeletionRule& RuleIn(v1::Policy& policy, v1::DataCategory category) {
  for (v1::DeletionRule& rule : *policy.mutable_rules()) {
    if (rule.category() == category) return rule;
  }
  ADD_FAILURE() << "no rule of " << category;
  return *policy.add_rules();
}

}  // namespace retention
