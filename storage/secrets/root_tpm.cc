#include "storage/secrets/root_tpm.h"

#include <openssl/crypto.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_format.h"
#include "storage/secrets/root_place.h"

namespace retention {
namespace {

using TpmPlaces = std::array<std::optional<PlacedRoot>, kRootPlaces>;

absl::Status TpmFailed(const char* operation, TSS2_RC result) {
  return absl::UnavailableError(absl::StrFormat("root key: TPM %s: 0x%x", operation, result));
}

struct FreeEsys {
  void operator()(void* memory) const { Esys_Free(memory); }
};

class RootTpm final : public RootKey {
 public:
  RootTpm(uint32_t index, RandomSource& random) : index_(index), random_(random) {}
  ~RootTpm() override {
    if (context_ != nullptr) Esys_Finalize(&context_);
    if (tcti_ != nullptr) Tss2_TctiLdr_Finalize(&tcti_);
  }

  absl::Status Open(const std::string& tcti) {
    if (const TSS2_RC r = Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_); r != TSS2_RC_SUCCESS) {
      return TpmFailed("connect", r);
    }
    const TSS2_RC r = Esys_Initialize(&context_, tcti_, nullptr);
    return r == TSS2_RC_SUCCESS ? absl::OkStatus() : TpmFailed("connect", r);
  }

  RootKind kind() const override { return RootKind::kTpm; }

  absl::StatusOr<SecretKey> Make(const RootName& name) override {
    const auto places = ReadPlaces();
    if (!places.ok()) return places.status();
    if (absl::Status s = CheckRootsAreOf(*places, name); !s.ok()) return s;
    absl::StatusOr<PlacedRoot> root = DrawRoot(name, random_);
    if (!root.ok()) return root.status();
    TPM2B_MAX_NV_BUFFER bytes{.size = kRootPlaceBytes, .buffer = {}};
    WriteRootPlace(*root, {bytes.buffer, kRootPlaceBytes});
    const absl::Status written = Write(PlaceOf(name), bytes);
    OPENSSL_cleanse(bytes.buffer, kRootPlaceBytes);
    if (!written.ok()) return written;
    return root->secret;
  }

  absl::StatusOr<SecretKey> Read(const RootName& name) override {
    const auto places = ReadPlaces();
    if (!places.ok()) return places.status();
    return FindRoot(*places, name);
  }

  // An index that holds no root is not written: its memory wears.
  absl::Status KeepOnly(const RootName& name) override {
    const auto places = ReadPlaces();
    if (!places.ok()) return places.status();
    if (const auto kept = FindRoot(*places, name); !kept.ok()) return kept.status();
    const size_t other = 1 - PlaceOf(name);
    if (!(*places)[other].has_value()) return absl::OkStatus();
    return Write(other, {.size = kRootPlaceBytes, .buffer = {}});
  }

 private:
  // A handle for an index; nullopt if it is not defined.
  absl::StatusOr<std::optional<ESYS_TR>> Handle(size_t place) {
    const uint32_t index = index_ + static_cast<uint32_t>(place);
    // Asked first: the library writes to stderr of what it does not find.
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA* found = nullptr;
    TSS2_RC r = Esys_GetCapability(context_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, index, 1,
                                   &more, &found);
    const std::unique_ptr<TPMS_CAPABILITY_DATA, FreeEsys> handles(found);
    if (r != TSS2_RC_SUCCESS) return TpmFailed("look up", r);
    if (handles->data.handles.count == 0 || handles->data.handles.handle[0] != index) return std::optional<ESYS_TR>();
    ESYS_TR handle = ESYS_TR_NONE;
    r = Esys_TR_FromTPMPublic(context_, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle);
    return r == TSS2_RC_SUCCESS ? absl::StatusOr<std::optional<ESYS_TR>>(handle) : TpmFailed("look up", r);
  }

  absl::StatusOr<TpmPlaces> ReadPlaces() {
    TpmPlaces places;
    for (size_t place = 0; place < kRootPlaces; ++place) {
      auto handle = Handle(place);
      if (!handle.ok()) return handle.status();
      if (!handle->has_value()) continue;
      TPM2B_MAX_NV_BUFFER* read = nullptr;
      const TSS2_RC r = Esys_NV_Read(context_, ESYS_TR_RH_OWNER, **handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                     kRootPlaceBytes, 0, &read);
      const std::unique_ptr<TPM2B_MAX_NV_BUFFER, FreeEsys> bytes(read);
      Esys_TR_Close(context_, &**handle);
      // One that was defined, and then the power failed.
      if ((r & ~static_cast<TSS2_RC>(TSS2_RC_LAYER_MASK)) == TPM2_RC_NV_UNINITIALIZED) continue;
      if (r != TSS2_RC_SUCCESS) return TpmFailed("read", r);
      places[place] = ReadRootPlace({bytes->buffer, bytes->size});
      OPENSSL_cleanse(bytes->buffer, bytes->size);
    }
    return places;
  }

  absl::Status Define(size_t place) {
    TPM2B_AUTH no_auth{};
    TPM2B_NV_PUBLIC index{};
    index.nvPublic.nvIndex = index_ + static_cast<uint32_t>(place);
    index.nvPublic.nameAlg = TPM2_ALG_SHA256;
    index.nvPublic.attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE | TPMA_NV_NO_DA;
    index.nvPublic.dataSize = kRootPlaceBytes;
    ESYS_TR handle = ESYS_TR_NONE;
    const TSS2_RC r = Esys_NV_DefineSpace(context_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                          &no_auth, &index, &handle);
    if (r != TSS2_RC_SUCCESS) return TpmFailed("define", r);
    Esys_TR_Close(context_, &handle);
    return absl::OkStatus();
  }

  absl::Status Write(size_t place, const TPM2B_MAX_NV_BUFFER& bytes) {
    auto handle = Handle(place);
    if (handle.ok() && !handle->has_value()) {
      if (absl::Status s = Define(place); !s.ok()) return s;
      handle = Handle(place);
    }
    if (!handle.ok()) return handle.status();
    if (!handle->has_value()) return absl::UnavailableError("root key: the TPM lost an index");
    const TSS2_RC r =
        Esys_NV_Write(context_, ESYS_TR_RH_OWNER, **handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &bytes, 0);
    Esys_TR_Close(context_, &**handle);
    return r == TSS2_RC_SUCCESS ? absl::OkStatus() : TpmFailed("write", r);
  }

  const uint32_t index_;
  RandomSource& random_;
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* context_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RootKey>> OpenRootTpm(const TpmPlace& place, RandomSource& random) {
  auto root = std::make_unique<RootTpm>(place.index, random);
  if (absl::Status s = root->Open(place.tcti); !s.ok()) return s;
  return root;
}

}  // namespace retention
