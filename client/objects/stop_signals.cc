#include "client/objects/stop_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace retention {
namespace {

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignals::StopSignals(std::function<void()> on_stop) : on_stop_(std::move(on_stop)) {
  const sigset_t set = Signals();
  // Before the thread, which inherits it, and all that follow.
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  ended_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Listen(); });
}

StopSignals::~StopSignals() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(ended_, &one, sizeof(one));
  thread_.join();
  ::close(signals_);
  ::close(ended_);
  const sigset_t set = Signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopSignals::WaitFor(absl::Duration delay) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(delay), [this] { return stopped_; });
}

void StopSignals::Listen() {
  for (;;) {
    pollfd polled[] = {{signals_, POLLIN, 0}, {ended_, POLLIN, 0}};
    if (::poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) continue;
    {
      std::lock_guard lock(mutex_);
      if (stopped_) {
        const sigset_t set = Signals();
        pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
        std::raise(static_cast<int>(info.ssi_signo));
      }
      stopped_ = true;
    }
    changed_.notify_all();
    on_stop_();
  }
}

}  // namespace retention
