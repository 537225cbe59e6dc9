#include "server/ledger/checkpoint.h"

#include <gtest/gtest.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace retention {
namespace {

SecretKey Seed(std::string_view hex) {
  const std::string bytes = absl::HexStringToBytes(absl::string_view(hex.data(), hex.size()));
  std::array<uint8_t, SecretKey::kBytes> seed{};
  std::copy(bytes.begin(), bytes.end(), seed.begin());
  return SecretKey(seed);
}

// RFC 8032, section 7.1, test 1.
constexpr char kSeed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
constexpr char kPublicKey[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

TEST(Checkpoint, IsANoteOfThreeLinesAndASignature) {
  const CheckpointSigner signer("example.com/ledger", Seed(kSeed));
  const TreeHead head{.size = 42, .root = std::string(32, 'r')};
  const std::string note = signer.Sign(head).Text();
  EXPECT_EQ(note.substr(0, note.find("\n\n") + 1),
            "example.com/ledger\n42\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n");
  EXPECT_EQ(signer.Sign(head).Text(), note);
  const auto parsed = SignedNote::Parse(note);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->Text(), note);
  ASSERT_EQ(parsed->signatures.size(), 1u);
  EXPECT_EQ(parsed->signatures[0].name, "example.com/ledger");
  const auto verifier = NoteVerifier::Parse(signer.verifier().Text());
  ASSERT_TRUE(verifier.has_value());
  EXPECT_EQ(parsed->signatures[0].id, verifier->id());
  EXPECT_TRUE(verifier->Verifies(parsed->text, parsed->signatures[0].signature));
  EXPECT_FALSE(verifier->Verifies(parsed->text + " ", parsed->signatures[0].signature));
  const auto read = TreeHead::Parse(parsed->text, "example.com/ledger");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->size, 42u);
  EXPECT_EQ(read->root, head.root);
  EXPECT_FALSE(TreeHead::Parse(parsed->text, "example.com/another").has_value());
}

TEST(Checkpoint, ItsKeyIsTheOneOfItsSeed) {
  const CheckpointSigner signer("n", Seed(kSeed));
  EXPECT_EQ(signer.verifier().Text(),
            NoteVerifier("n", NoteAlgorithm::kEd25519, absl::HexStringToBytes(kPublicKey)).Text());
}

// The example of c2sp.org/tlog-cosignature has the parts of its message told; its key is not.
TEST(Checkpoint, ACosignatureIsOfAnotherKeyId) {
  const CheckpointSigner witness("witness.example/w", Seed(kSeed));
  const std::string text = TreeHead{.size = 7, .root = std::string(32, 'x')}.NoteText("example.com/ledger");
  const NoteVerifier verifier("witness.example/w", NoteAlgorithm::kEd25519Cosignature,
                              absl::HexStringToBytes(kPublicKey));
  EXPECT_NE(verifier.id(), witness.verifier().id());
  EXPECT_EQ(NoteVerifier::Parse(verifier.Text())->Text(), verifier.Text());
  EXPECT_FALSE(verifier.Verifies(text, std::string(72, 's')));
  EXPECT_FALSE(verifier.Verifies(text, std::string(64, 's')));
}

TEST(Checkpoint, WhatIsNoNoteIsRefused) {
  const CheckpointSigner signer("n", Seed(kSeed));
  const std::string note = signer.Sign({.size = 1, .root = std::string(32, 'r')}).Text();
  ASSERT_TRUE(SignedNote::Parse(note).has_value());
  const std::string many = note + [&] {
    std::string lines;
    const std::string line = note.substr(note.find("\n\n") + 2);
    for (size_t i = 0; i < kNoteSignaturesMax; ++i) lines += line;
    return lines;
  }();
  for (const std::string& bad :
       {std::string(), std::string("\n\n"), note.substr(0, note.size() - 1), note + "\n", note + "x\n",
        std::string("\x01") + note, note.substr(0, note.find("\n\n") + 2), many, note + "\xE2\x80\x94 n AAAA\n",
        note + "\xE2\x80\x94 n+m AAAAAAAA\n", note + "\xE2\x80\x94 n !!!!\n"}) {
    EXPECT_FALSE(SignedNote::Parse(bad).has_value()) << absl::CHexEscape(bad);
  }
  for (const char* text : {"n\n1\ncnJy\n", "n\n01\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n", "n\n1\n",
                           "n\n-1\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n", ""}) {
    EXPECT_FALSE(TreeHead::Parse(text, "n").has_value()) << text;
  }
  const std::string key = signer.verifier().Text();
  for (const std::string& bad : {std::string(), std::string("n"), "m" + key, key + "A", key.substr(0, key.size() - 1),
                                 std::string("n+00000000") + key.substr(key.rfind('+'))}) {
    EXPECT_FALSE(NoteVerifier::Parse(bad).has_value()) << bad;
  }
  for (const char* name : {"", "a b", "a+b", "a\n", "\x7f"}) EXPECT_FALSE(IsNoteName(name)) << name;
}

TEST(Checkpoint, AProofIsOneText) {
  EXPECT_EQ(ProofText(3, "leaf", {std::string(32, 'a'), std::string(32, 'b')}, "the note"),
            "c2sp.org/tlog-proof@v1\nextra bGVhZg==\nindex 3\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n"
            "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=\n\nthe note");
}

}  // namespace
}  // namespace retention
