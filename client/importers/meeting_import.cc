#include "client/importers/meeting_import.h"

namespace retention {

const std::vector<ImportFormat>& ImportFormats() {
  static const auto& formats = *new std::vector<ImportFormat>{
      {"bigbluebutton-webhooks", "what BigBlueButton's webhooks post, as lines of JSON", ImportBigBlueButtonWebhooks},
      {"bigbluebutton-xml", "events.xml of a recording by BigBlueButton", ImportBigBlueButtonXml},
      {"jitsi-events", "what Jitsi's prosody posts with event_sync, as lines of JSON", ImportJitsiEvents},
      {"webex-webhooks", "what Webex's webhooks post, as lines of JSON", ImportWebexWebhooks},
      {"zoom-webhooks", "what Zoom's webhooks post, as lines of JSON", ImportZoomWebhooks},
  };
  return formats;
}

}  // namespace retention
