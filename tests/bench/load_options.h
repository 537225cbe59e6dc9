// What a load generator is asked for.
#ifndef RETENTION_TESTS_BENCH_LOAD_OPTIONS_H_
#define RETENTION_TESTS_BENCH_LOAD_OPTIONS_H_

#include <string>

namespace retention {

struct LoadOptions {
  std::string target;
  // PEM files of mutual TLS; empty: plain.
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  double seconds = 10;
  int streams = 4;
  int callers = 64;
  // Batches per second over all streams; 0: as many as are answered.
  double batches_per_second = 0;
  int open_meetings = 1;  // per stream
  int first_stream = 0;   // of the feeds: two runs against one server must not share any
  double reports_per_second = 200;
};

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_LOAD_OPTIONS_H_
