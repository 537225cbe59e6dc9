#include "client/importers/meeting_import.h"

namespace retention {

const std::vector<ImportFormat>& ImportFormats() {
  static const auto& formats = *new std::vector<ImportFormat>{
      {"bigbluebutton-webhooks", "what its webhooks post, as lines of JSON", ImportBigBlueButtonWebhooks},
      {"bigbluebutton-xml", "the events.xml of a recording", ImportBigBlueButtonXml},
  };
  return formats;
}

}  // namespace retention
