/*
 * The kernel's own interface, without a C library: system calls of Linux on x86-64, i386, ARM (EABI) and AArch64, and the structures that they take.
 * Numbers and constants come from the kernel's headers; structures are written down here where those headers show an older form.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/wait.h>

typedef unsigned char byte;

/* Signals count from 1. */
#define LAST_SIGNAL 64
#define MASK_WORDS (64 / (8 * (int)sizeof(long)))

struct signals {
  unsigned long words[MASK_WORDS];
};

struct reaction {
  void *handler;
  unsigned long flags;
  void *restorer;
  struct signals mask;
};

/* The old one, in longs, which every kernel knows. */
struct duration {
  long seconds;
  long nanoseconds;
};

struct directory_entry {
  unsigned long long inode;
  long long offset;
  unsigned short size;
  byte type;
  char name[];
};

/* Answers what the kernel answers: a negative error number for a failure. */
static long call(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
#elif defined(__i386__)
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return result;
#elif defined(__arm__)
  register long r7 __asm__("r7") = number;
  register long r0 __asm__("r0") = a;
  register long r1 __asm__("r1") = b;
  register long r2 __asm__("r2") = c;
  register long r3 __asm__("r3") = d;
  register long r4 __asm__("r4") = e;
  __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4) : "memory");
  return r0;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "no system calls for this processor"
#endif
}

/* The kernel enters with the stack pointer at argc; run() gets that address and never returns. */
__attribute__((noreturn, used)) void run(long *stack);

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call run\n");
#elif defined(__i386__)
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call run\n");
#elif defined(__arm__)
__asm__(".globl _start\n_start: mov r0, sp\n bic sp, sp, #7\n bl run\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0, sp\n bl run\n");
#endif

/* What compilers call by themselves. */
__attribute__((used)) void *memset(void *target, int value, unsigned long size) {
  for (unsigned long i = 0; i < size; i++) ((byte *)target)[i] = (byte)value;
  return target;
}

__attribute__((used)) void *memcpy(void *target, const void *source, unsigned long size) {
  for (unsigned long i = 0; i < size; i++) ((byte *)target)[i] = ((const byte *)source)[i];
  return target;
}

static long kill(long pid, int signal) { return call(__NR_kill, pid, signal, 0, 0, 0); }

__attribute__((noreturn)) static void end(int code) {
  for (;;) call(__NR_exit_group, code, 0, 0, 0, 0);
}

static void react(int signal, void *handler, struct reaction *before) {
  struct reaction reaction = {handler, 0, 0, {{0}}};
  call(__NR_rt_sigaction, signal, (long)&reaction, (long)before, sizeof(struct signals), 0);
}

static void block(const struct signals *mask, struct signals *before) {
  call(__NR_rt_sigprocmask, SIG_SETMASK, (long)mask, (long)before, sizeof(struct signals), 0);
}

/* Takes a blocked signal that is pending or comes within `limit` (0: any time); answers its number, or a negative error. */
static long take_signal(const struct signals *wanted, const struct duration *limit) {
  return call(__NR_rt_sigtimedwait, (long)wanted, 0, (long)limit, sizeof(struct signals), 0);
}

static struct duration now(void) {
  struct duration time = {0, 0};
  call(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0, 0, 0);
  return time;
}

/* As fork, but the parent goes on when the child has started its program, or ended. */
static long fork_until_exec(void) { return call(__NR_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0); }

/* A child that has ended or was stopped, 0 when none has, a negative error when there is none. */
static long wait_for_any(int *status) { return call(__NR_wait4, -1, (long)status, WNOHANG | WUNTRACED, 0, 0); }

static long length_of(const char *text) {
  long length = 0;
  while (text[length] != 0) length++;
  return length;
}

static void print_error(const char *text) { call(__NR_write, 2, (long)text, length_of(text), 0, 0); }
