// A proof of an entry as a page for people: what was done, when it was due, and how to verify it.
#pragma once

#include <string>

#include "client/ledger/ledger_note.h"

namespace retention::v1 {
class GetInclusionProofResponse;
}  // namespace retention::v1

namespace retention {

// HTML, whole in itself, for the screen and for print. `proof_file`: the name of the proof beside it.
std::string CertificatePage(const v1::GetInclusionProofResponse& proof, const LedgerKey& key,
                            const std::string& key_text, const std::string& proof_file);

}  // namespace retention
