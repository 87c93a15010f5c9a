/*
 * tunlink: a slow link between two network namespaces.
 *
 *   tunlink LOCAL_DEVICE NETNS_FILE REMOTE_DEVICE CONTROL_FIFO
 *
 * Makes a TUN device here and another in the namespace of NETNS_FILE, prints "ready", and carries packets between them
 * with a delay, a rate, a tail-drop queue and random loss, each direction for itself: what `tc netem` does where the
 * kernel has it. The link carries nothing until a line with its shape is written to CONTROL_FIFO; each further line
 * changes it while it runs:
 *
 *   DELAY_MICROSECONDS RATE_BITS_PER_SECOND QUEUE_BYTES LOSS_PER_MILLION
 *
 * Ends by a signal; its devices end with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <linux/if.h>
#include <linux/if_tun.h>

enum { MAX_PACKET_BYTES = 65536, PACKETS_PER_TURN = 64 };

static const char OWN_NAMESPACE[] = "/proc/self/ns/net";
static const uint64_t NANOSECONDS_PER_SECOND = 1000000000;

struct shape {
  uint64_t delay_ns;
  uint64_t bits_per_second; /* 0: the link is down */
  uint64_t queue_bytes;
  uint32_t loss_per_million;
};

struct packet {
  struct packet *next;
  uint64_t arrives_ns;
  size_t size;
  unsigned char bytes[];
};

/* One way of the link. Packets leave in the order in which they came, so the head of the list is due first. */
struct direction {
  int from;
  int to;
  struct packet *head;
  struct packet *tail;
  uint64_t wire_free_ns; /* when the last accepted packet has left the queue */
};

static void fail(const char *what) {
  fprintf(stderr, "tunlink: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static int open_tun(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0) fail("/dev/net/tun");
  if (ioctl(tun, TUNSETIFF, &request) < 0) fail(name);
  return tun;
}

static void enter_namespace(const char *file) {
  int namespace = open(file, O_RDONLY | O_CLOEXEC);
  if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) fail(file);
  close(namespace);
}

static uint64_t wire_time_ns(const struct shape *shape, size_t size) {
  return size * 8 * NANOSECONDS_PER_SECOND / shape->bits_per_second;
}

static int is_lost(const struct shape *shape) {
  return shape->loss_per_million > 0 && (uint32_t)(random() % 1000000) < shape->loss_per_million;
}

static int queue_is_full(const struct direction *direction, const struct shape *shape, size_t size, uint64_t now) {
  if (direction->wire_free_ns <= now) return 0;
  uint64_t waiting_bytes = (direction->wire_free_ns - now) * shape->bits_per_second / 8 / NANOSECONDS_PER_SECOND;
  return waiting_bytes + size > shape->queue_bytes;
}

static void enqueue(struct direction *direction, const struct shape *shape, const unsigned char *bytes, size_t size) {
  uint64_t now = now_ns();
  if (shape->bits_per_second == 0 || is_lost(shape) || queue_is_full(direction, shape, size, now)) return;
  struct packet *packet = malloc(sizeof *packet + size);
  if (packet == NULL) fail("malloc");
  uint64_t starts_ns = direction->wire_free_ns > now ? direction->wire_free_ns : now;
  direction->wire_free_ns = starts_ns + wire_time_ns(shape, size);
  packet->next = NULL;
  packet->arrives_ns = direction->wire_free_ns + shape->delay_ns;
  packet->size = size;
  memcpy(packet->bytes, bytes, size);
  if (direction->tail) direction->tail->next = packet;
  else direction->head = packet;
  direction->tail = packet;
}

static void take_packets(struct direction *direction, const struct shape *shape) {
  static unsigned char buffer[MAX_PACKET_BYTES];
  for (int turn = 0; turn < PACKETS_PER_TURN; turn++) {
    ssize_t size = read(direction->from, buffer, sizeof buffer);
    if (size <= 0) return;
    enqueue(direction, shape, buffer, (size_t)size);
  }
}

static void deliver_due_packets(struct direction *direction) {
  uint64_t now = now_ns();
  while (direction->head && direction->head->arrives_ns <= now) {
    struct packet *packet = direction->head;
    direction->head = packet->next;
    if (direction->head == NULL) direction->tail = NULL;
    /* A device that is down or full loses the packet, as a network card would. */
    ssize_t written = write(direction->to, packet->bytes, packet->size);
    (void)written;
    free(packet);
  }
}

static void wake_at_next_arrival(int timer, const struct direction directions[2]) {
  uint64_t next = 0;
  for (int i = 0; i < 2; i++) {
    const struct packet *head = directions[i].head;
    if (head && (next == 0 || head->arrives_ns < next)) next = head->arrives_ns;
  }
  struct itimerspec wake = {.it_value = {.tv_sec = (time_t)(next / NANOSECONDS_PER_SECOND),
                                         .tv_nsec = (long)(next % NANOSECONDS_PER_SECOND)}};
  if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &wake, NULL) < 0) fail("timerfd_settime");
}

/* Several lines may have come at once: the last whole one counts. */
static void read_control(int control, struct shape *shape) {
  char text[1024];
  ssize_t size = read(control, text, sizeof text - 1);
  if (size <= 0) return;
  text[size] = '\0';
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    unsigned long long delay_us, rate, queue, loss;
    if (sscanf(line, "%llu %llu %llu %llu", &delay_us, &rate, &queue, &loss) != 4) {
      fprintf(stderr, "tunlink: not a shape: %s\n", line);
      continue;
    }
    *shape = (struct shape){delay_us * 1000, rate, queue, (uint32_t)loss};
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: tunlink LOCAL_DEVICE NETNS_FILE REMOTE_DEVICE CONTROL_FIFO\n");
    return 2;
  }
  /* Opened for both ways so that it never reports end of file between two writers. */
  int control = open(argv[4], O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (control < 0) fail(argv[4]);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer < 0) fail("timerfd_create");
  int local = open_tun(argv[1]);
  int home = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
  if (home < 0) fail(OWN_NAMESPACE);
  enter_namespace(argv[2]);
  int remote = open_tun(argv[3]);
  /* Whoever switches the device off ends all that is in its namespace. The link's devices stay where they are. */
  if (setns(home, CLONE_NEWNET) < 0) fail(OWN_NAMESPACE);
  puts("ready");
  fflush(stdout);

  struct shape shape = {0};
  struct direction directions[2] = {{.from = local, .to = remote}, {.from = remote, .to = local}};
  struct pollfd events[4] = {{local, POLLIN, 0}, {remote, POLLIN, 0}, {timer, POLLIN, 0}, {control, POLLIN, 0}};
  for (;;) {
    wake_at_next_arrival(timer, directions);
    if (poll(events, 4, -1) < 0 && errno != EINTR) fail("poll");
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer");
    if (events[3].revents & POLLIN) read_control(control, &shape);
    for (int i = 0; i < 2; i++) {
      take_packets(&directions[i], &shape);
      deliver_due_packets(&directions[i]);
    }
  }
}
