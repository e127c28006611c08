#include "cfloors.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace {

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

// The usual ring between one producer and one consumer: a power of two, indices that only grow, each end with a copy of
// the other's index that is renewed only when it must be, published with release and read with acquire.
template <typename Element>
class Ring {
 public:
  explicit Ring(uint64_t capacity) : mask_(capacity - 1), slots_(new Element[capacity]) {}

  bool push(const Element &element) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) return false;
    }
    slots_[tail & mask_] = element;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  bool pop(Element &element) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    element = slots_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  const uint64_t mask_;
  const std::unique_ptr<Element[]> slots_;
  alignas(64) std::atomic<uint64_t> head_{0};
  uint64_t tail_seen_ = 0;
  alignas(64) std::atomic<uint64_t> tail_{0};
  uint64_t head_seen_ = 0;
  char padding_[64];
};

template <int size>
struct Words {
  uint64_t words[size / 8];
};

struct Frame {
  uint32_t length;
  uint8_t kind;
  uint8_t source;
  int64_t at;
  char bytes[64];
};

// Both ends as callables.
template <typename Producer, typename Consumer>
int64_t race(Producer producer, Consumer consumer) {
  struct Both {
    Producer *producer;
    Consumer *consumer;
  } both{&producer, &consumer};
  return cfloors_race([](void *context) { (*static_cast<Both *>(context)->producer)(); },
                      [](void *context) { (*static_cast<Both *>(context)->consumer)(); }, &both);
}

template <int size>
int64_t through(uint64_t count, uint64_t capacity) {
  using Element = Words<size>;
  Ring<Element> ring(capacity);
  bool in_order = true;
  const int64_t time = race(
      [&] {
        Element element{};
        for (uint64_t number = 0; number < count; number++) {
          element.words[0] = number;
          uint32_t tries = 0;
          while (!ring.push(element)) cfloors_relax(&tries);
        }
      },
      [&] {
        Element element;
        for (uint64_t number = 0; number < count; number++) {
          uint32_t tries = 0;
          while (!ring.pop(element)) cfloors_relax(&tries);
          in_order &= element.words[0] == number;
        }
      });
  return in_order ? time : -1;
}

// Starts both threads at the same moment.
struct Start {
  std::atomic<int> waiting{2};
  std::atomic<int64_t> at{0};
  cfloors_end ends[2];
  void *context;
};

struct Entry {
  Start *start;
  int which;
};

void *enter(void *argument) {
  const Entry *entry = static_cast<Entry *>(argument);
  Start *start = entry->start;
  cpu_set_t allowed, own;
  // Each on a processor of its own, if this process may use two.
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) >= 2) {
    int skip = entry->which;
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
      if (!CPU_ISSET(processor, &allowed) || skip-- > 0) continue;
      CPU_ZERO(&own);
      CPU_SET(processor, &own);
      sched_setaffinity(0, sizeof own, &own);
      break;
    }
  }
  uint32_t tries = 0;
  if (start->waiting.fetch_sub(1) == 1) start->at.store(now());
  while (start->at.load() == 0) cfloors_relax(&tries);
  start->ends[entry->which](start->context);
  return nullptr;
}

}  // namespace

extern "C" int64_t cfloors_race(cfloors_end producer, cfloors_end consumer, void *context) {
  Start start;
  start.ends[0] = producer;
  start.ends[1] = consumer;
  start.context = context;
  Entry entries[2] = {{&start, 0}, {&start, 1}};
  pthread_t threads[2];
  if (pthread_create(&threads[0], nullptr, enter, &entries[0]) != 0) return -1;
  if (pthread_create(&threads[1], nullptr, enter, &entries[1]) != 0) {
    // The first waits for a second that never comes; a bench has nothing better to do than to end.
    std::abort();
  }
  pthread_join(threads[0], nullptr);
  pthread_join(threads[1], nullptr);
  return now() - start.at.load();
}

extern "C" int64_t cfloors_ring(int size, uint64_t count, uint64_t capacity) {
  switch (size) {
    case 8: return through<8>(count, capacity);
    case 16: return through<16>(count, capacity);
    case 24: return through<24>(count, capacity);
    case 32: return through<32>(count, capacity);
    case 40: return through<40>(count, capacity);
    case 48: return through<48>(count, capacity);
    case 56: return through<56>(count, capacity);
    case 64: return through<64>(count, capacity);
    default: return -1;
  }
}

extern "C" int64_t cfloors_ring_of_frames(uint64_t count, uint64_t capacity) {
  Ring<Frame> ring(capacity);
  bool in_order = true;
  const int64_t time = race(
      [&] {
        char scan[64] = {};
        for (uint64_t number = 0; number < count; number++) {
          std::memcpy(scan, &number, sizeof number);
          Frame frame;
          frame.length = static_cast<uint32_t>(cfloors_frame_length(number));
          frame.kind = 1;
          frame.source = 0;
          frame.at = static_cast<int64_t>(number);
          std::memcpy(frame.bytes, scan, frame.length);
          uint32_t tries = 0;
          while (!ring.push(frame)) cfloors_relax(&tries);
        }
      },
      [&] {
        Frame frame;
        for (uint64_t number = 0; number < count; number++) {
          uint32_t tries = 0;
          while (!ring.pop(frame)) cfloors_relax(&tries);
          uint64_t begins;
          std::memcpy(&begins, frame.bytes, sizeof begins);
          in_order &= begins == number && frame.at == static_cast<int64_t>(number)
                      && frame.length == static_cast<uint32_t>(cfloors_frame_length(number));
        }
      });
  return in_order ? time : -1;
}

extern "C" int64_t cfloors_ring_echo(uint64_t rounds, uint64_t capacity) {
  Ring<uint64_t> there(capacity), back(capacity);
  return race(
      [&] {
        uint64_t answer;
        for (uint64_t round = 0; round < rounds; round++) {
          uint32_t tries = 0;
          while (!there.push(round)) cfloors_relax(&tries);
          while (!back.pop(answer)) cfloors_relax(&tries);
        }
      },
      [&] {
        uint64_t element;
        for (uint64_t round = 0; round < rounds; round++) {
          uint32_t tries = 0;
          while (!there.pop(element)) cfloors_relax(&tries);
          while (!back.push(element)) cfloors_relax(&tries);
        }
      });
}
