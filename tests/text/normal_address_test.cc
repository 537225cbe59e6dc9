#include "text/normal_address.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

TEST(NormalAddress, CapitalsAreNoOtherMailbox) {
  EXPECT_EQ(NormalAddress("Anna.Alt@Kunde.DE"), "anna.alt@kunde.de");
  EXPECT_EQ(NormalAddress("J\xC3\x9CRGEN@kunde.de"), "j\xC3\xBCrgen@kunde.de");
  // Full folding, not one letter for one: STRASSE and straße.
  EXPECT_EQ(NormalAddress("STRASSE@kunde.de"), NormalAddress("stra\xC3\x9F\x65@kunde.de"));
  // Greek: both small sigmas are the capital's.
  EXPECT_EQ(NormalAddress("\xCF\x82@kunde.gr"), NormalAddress("\xCE\xA3@kunde.gr"));
}

TEST(NormalAddress, ALetterWithAMarkIsOneHoweverItIsWritten) {
  EXPECT_EQ(NormalAddress("ju\xCC\x88rgen@kunde.de"), NormalAddress("j\xC3\xBCrgen@kunde.de"));
  EXPECT_EQ(NormalAddress("JU\xCC\x88RGEN@kunde.de"), NormalAddress("j\xC3\xBCrgen@kunde.de"));
  EXPECT_EQ(NormalAddress("a@ku\xCC\x88\x63he.de"), NormalAddress("a@k\xC3\xBC\x63he.de"));
}

TEST(NormalAddress, ADomainIsWhatDnsIsAskedFor) {
  EXPECT_EQ(NormalAddress("a@B\xC3\x9C\x43HER.de"), "a@xn--bcher-kva.de");
  EXPECT_EQ(NormalAddress("a@b\xC3\xBC\x63her.de"), "a@xn--bcher-kva.de");
  EXPECT_EQ(NormalAddress("a@XN--BCHER-KVA.de"), "a@xn--bcher-kva.de");
  EXPECT_EQ(NormalAddress("a@b\xC3\xBC\x63her\xE3\x80\x82\x64\x65"), "a@xn--bcher-kva.de") << "ideographic full stop";
  // Two registered names.
  EXPECT_NE(NormalAddress("a@stra\xC3\x9F\x65.de"), NormalAddress("a@strasse.de"));
}

TEST(NormalAddress, DomainsThatNoRegistryTakesAreComparedAllTheSame) {
  EXPECT_EQ(NormalAddress("a@R3---SN.example"), "a@r3---sn.example");
  EXPECT_EQ(NormalAddress("a@PBX_1.intern"), "a@pbx_1.intern");
  EXPECT_EQ(NormalAddress("a@[192.0.2.1]"), "a@[192.0.2.1]");
  EXPECT_EQ(NormalAddress("a@LOCALHOST"), "a@localhost");
  EXPECT_EQ(NormalAddress("A@r3---b\xC3\xBC\x63her.DE").substr(0, 2), "a@");
}

TEST(NormalAddress, WhatHasNoNormalFormIsAsItIs) {
  for (const std::string address :
       {"", "Anna", "Anna@xn--\x61\x2D\x2D.de", "A\xFF@Kunde.de", "A@\xC3.de", "A@b\xE2\x80\xAE.de"}) {
    EXPECT_EQ(NormalAddress(address), address);
  }
  EXPECT_NE(NormalAddress("a\xFF@kunde.de"), NormalAddress("a\xFE@kunde.de"));
}

TEST(NormalAddress, OfANormalFormIsItself) {
  for (const std::string address : {"J\xC3\x9CRGEN@B\xC3\x9C\x43HER.de", "STRA\xC3\x9F\x45@kunde.de",
                                    "\xC7\xB0@kunde.de", "a@xn--bcher-kva.de", "\xCE\x90\xCC\x81@kunde.gr"}) {
    const std::string normal = NormalAddress(address);
    EXPECT_EQ(NormalAddress(normal), normal) << address;
  }
}

}  // namespace
}  // namespace retention
