/*
 * rdt's supervisor: the first process of a container whose app is restarted without its container (`restart: process`).
 *
 *   init STOP-SIGNAL GRACE-MS -- PROGRAM [ARGUMENT...]
 *   init restart
 *
 * Runs PROGRAM as its child, hands on every signal, buries orphans, and ends when the child ends: with its exit code, or 128 + n for signal n.
 * RESTART_SIGNAL makes it end the app (STOP-SIGNAL to its process group; SIGKILL to what is left after GRACE-MS, and to what left the group) and run
 * PROGRAM again. It prints nothing but a line on the standard error when PROGRAM cannot be run, and then ends with 127 (not found) or 126, as a shell does.
 *
 * `init restart` is for `docker exec`: for each byte that it reads it sends RESTART_SIGNAL to the first process and writes the byte back.
 */
#include "system.h"

/* SIGRTMAX-4; by number, since C libraries do not agree where real-time signals begin. */
#define RESTART_SIGNAL 60
/* What outlives SIGKILL for this long hangs in the kernel, or is not ours to kill: only the end of the container helps. */
#define KILL_PATIENCE ((struct duration){5, 0})
#define KILL_INTERVAL ((struct duration){0, 10000000})
#define TERMINAL 0
/* More than any kernel writes. */
#define TERMINAL_SETTINGS_SIZE 128
#define PATH_SIZE 4096

#define IGNORE ((void *)1)
#define DEFAULT ((void *)0)

static long self;
static char **program;
static char **environment;
static int stop_signal;
static struct duration grace;

/* As we found them: the app gets them like that. */
static struct signals first_mask;
static byte was_ignored[LAST_SIGNAL + 1];
static byte first_settings[TERMINAL_SETTINGS_SIZE];
static byte has_terminal;

static struct signals all_signals;
static struct signals restart_signal;

/* Main process of the app; its process group has the same number. */
static long app;
static byte app_ended;
static int app_status;

/* --- signals and time --- */

static void never_called(int signal) { (void)signal; }

static void add(struct signals *set, int signal) {
  int width = 8 * (int)sizeof(long);
  set->words[signal > width] |= 1UL << ((signal - 1) % width);
}

/* Signals are blocked and taken one by one. The handlers only show the engine's `ps` that somebody listens (src/push/stop-container.ts). */
static void listen(void) {
  for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
    struct reaction before = {0};
    add(&all_signals, signal);
    react(signal, never_called, &before);
    was_ignored[signal] = before.handler == IGNORE;
  }
  add(&restart_signal, RESTART_SIGNAL);
  block(&all_signals, &first_mask);
}

static struct duration after(struct duration delay) {
  struct duration time = now();
  time.seconds += delay.seconds;
  time.nanoseconds += delay.nanoseconds;
  if (time.nanoseconds >= 1000000000) {
    time.seconds++;
    time.nanoseconds -= 1000000000;
  }
  return time;
}

/* What is left until `deadline`; false when it has come. */
static int is_before(struct duration deadline, struct duration *left) {
  struct duration time = now();
  left->seconds = deadline.seconds - time.seconds;
  left->nanoseconds = deadline.nanoseconds - time.nanoseconds;
  if (left->nanoseconds < 0) {
    left->seconds--;
    left->nanoseconds += 1000000000;
  }
  return left->seconds >= 0 && (left->seconds > 0 || left->nanoseconds > 0);
}

static int is_restart_pending(void) {
  struct duration at_once = {0, 0};
  return take_signal(&restart_signal, &at_once) > 0;
}

/* --- starting the app --- */

static const char *path_of_environment(void) {
  for (char **variable = environment; *variable != 0; variable++) {
    const char *name = "PATH=", *text = *variable;
    while (*name != 0 && *text == *name) name++, text++;
    if (*name == 0) return text;
  }
  return "";
}

static int has_slash(const char *name) {
  while (*name != 0 && *name != '/') name++;
  return *name == '/';
}

/* Writes `folder/name`, and `./name` for a folder without a name, as shells read PATH; answers the rest of the list, or nothing at its end. */
static const char *next_candidate(const char *list, const char *name, char *path) {
  long length = 0, limit = PATH_SIZE - length_of(name) - 2;
  for (; *list != 0 && *list != ':'; list++) {
    if (length < limit) path[length++] = *list;
  }
  if (length == 0) path[length++] = '.';
  path[length++] = '/';
  while (*name != 0) path[length++] = *name++;
  path[length] = 0;
  return *list == ':' ? list + 1 : 0;
}

static long execute(const char *path) {
  return call(__NR_execve, (long)path, (long)program, (long)environment, 0, 0);
}

/* Only returns when it fails. */
static long execute_from_path(void) {
  static char path[PATH_SIZE];
  long worst = -ENOENT;
  const char *list = path_of_environment();
  if (length_of(program[0]) == 0 || length_of(program[0]) > PATH_SIZE / 2) return worst;
  while (list != 0) {
    list = next_candidate(list, program[0], path);
    long error = execute(path);
    if (error != -ENOENT && error != -ENOTDIR) worst = error;
    if (worst != -ENOENT && worst != -EACCES) break;
  }
  return worst;
}

__attribute__((noreturn)) static void give_up(const char *reason, int code) {
  print_error("rdt: cannot run ");
  print_error(program[0]);
  print_error(reason);
  end(code);
}

__attribute__((noreturn)) static void become_app(void) {
  int own = (int)call(__NR_getpid, 0, 0, 0, 0, 0);
  call(__NR_setpgid, 0, 0, 0, 0, 0);
  if (has_terminal) {
    call(__NR_ioctl, TERMINAL, TIOCSPGRP, (long)&own, 0, 0);
    call(__NR_ioctl, TERMINAL, TCSETS, (long)first_settings, 0, 0);
  }
  for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
    react(signal, was_ignored[signal] ? IGNORE : DEFAULT, 0);
  }
  block(&first_mask, 0);
  long error = has_slash(program[0]) ? execute(program[0]) : execute_from_path();
  if (error == -ENOENT || error == -ENOTDIR) give_up(": it, or the program that interprets it, is not in the container\n", 127);
  if (error == -EACCES) give_up(": it is not a file that this user may execute\n", 126);
  if (error == -ENOEXEC) give_up(": it is neither a program for this processor nor a script that begins with #!\n", 126);
  give_up(": the kernel refuses it\n", 126);
}

static void start(void) {
  long child = fork_until_exec();
  if (child == 0) become_app();
  if (child < 0) give_up(": no process can be made\n", 126);
  /* For kernels that do not wait for the exec, such as qemu's. */
  call(__NR_setpgid, child, child, 0, 0, 0);
  app = child;
  app_ended = 0;
}

/* --- ending it --- */

/* Answers a negative error when there is no child left at all. */
static long bury(void) {
  int status;
  long pid;
  while ((pid = wait_for_any(&status)) > 0) {
    int is_stopped = (status & 0xff) == 0x7f;
    if (pid != app) continue;
    /* Ctrl-Z on the container's terminal: nobody is there who could continue the app, and as the first process it would not have been stopped. */
    if (is_stopped && status >> 8 == SIGTSTP) kill(-app, SIGCONT);
    if (is_stopped) continue;
    app_ended = 1;
    app_status = status;
  }
  return pid;
}

__attribute__((noreturn)) static void end_as_app(void) {
  int signal = app_status & 0x7f;
  end(signal == 0 ? app_status >> 8 & 0xff : 128 + signal);
}

/* True when `stat` of a process names us as its parent: `pid (name) state parent ...`, where the name may hold anything. */
static int is_child(const char *pid) {
  char path[64] = "/proc/", text[128];
  long length = 6, parent = 0;
  for (const char *digit = pid; *digit != 0 && length < 32; digit++) path[length++] = *digit;
  for (const char *name = "/stat"; *name != 0; name++) path[length++] = *name;
  path[length] = 0;
  long file = call(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
  if (file < 0) return 0;
  long size = call(__NR_read, file, (long)text, sizeof text - 1, 0, 0);
  call(__NR_close, file, 0, 0, 0, 0);
  text[size < 0 ? 0 : size] = 0;
  long position = length_of(text);
  while (position > 0 && text[position] != ')') position--;
  if (position == 0) return 0;
  for (const char *digit = &text[position + 4]; *digit >= '0' && *digit <= '9'; digit++) parent = parent * 10 + (*digit - '0');
  return parent == self;
}

/* Children of a process that ends become ours: killing ours again and again gets all. What `docker exec` started is nobody's child here, and stays. */
static void kill_children(void) {
  static char entries[4096] __attribute__((aligned(8)));
  long size, folder = call(__NR_openat, AT_FDCWD, (long)"/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
  if (folder < 0) return;
  while ((size = call(__NR_getdents64, folder, (long)entries, sizeof entries, 0, 0)) > 0) {
    for (long position = 0; position < size;) {
      struct directory_entry *entry = (struct directory_entry *)(entries + position);
      position += entry->size;
      if (entry->name[0] < '1' || entry->name[0] > '9' || !is_child(entry->name)) continue;
      long pid = 0;
      for (const char *digit = entry->name; *digit != 0; digit++) pid = pid * 10 + (*digit - '0');
      kill(pid, SIGKILL);
    }
  }
  call(__NR_close, folder, 0, 0, 0, 0);
}

/* Waits for news while the app is being ended; true when the container shall end as well. */
static int is_container_stopped(struct duration limit) {
  long signal = take_signal(&all_signals, &limit);
  if (signal > 0 && signal != SIGCHLD && signal != RESTART_SIGNAL && !app_ended) kill(app, (int)signal);
  return signal == stop_signal;
}

static void restart(void) {
  struct duration deadline = after(grace), left;
  int is_last = 0;
  kill(-app, stop_signal);
  kill(-app, SIGCONT);
  while (bury() == 0 && kill(-app, 0) == 0 && is_before(deadline, &left)) is_last |= is_container_stopped(left);
  deadline = after(KILL_PATIENCE);
  while (bury() == 0) {
    if (!is_before(deadline, &left)) end(128 + SIGKILL);
    kill(-app, SIGKILL);
    kill_children();
    is_last |= is_container_stopped(KILL_INTERVAL);
  }
  if (is_last) end_as_app();
  /* Whoever asked until now is served by this start. */
  while (is_restart_pending()) continue;
  start();
}

/* --- */

__attribute__((noreturn)) static void be_messenger(void) {
  byte message;
  while (call(__NR_read, 0, (long)&message, 1, 0, 0) == 1) {
    if (kill(1, RESTART_SIGNAL) != 0) end(1);
    call(__NR_write, 1, (long)&message, 1, 0, 0);
  }
  end(0);
}

static int number(const char *text) {
  int value = 0;
  for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (*text - '0');
  return value;
}

static void read_arguments(long count, char **arguments) {
  if (count < 5) {
    print_error("usage: init STOP-SIGNAL GRACE-MS -- PROGRAM [ARGUMENT...]\n       init restart\n");
    end(126);
  }
  stop_signal = number(arguments[1]);
  int milliseconds = number(arguments[2]);
  for (; milliseconds >= 1000; milliseconds -= 1000) grace.seconds++;
  grace.nanoseconds = milliseconds * 1000000L;
  program = arguments + 4;
}

void run(long *stack) {
  long count = stack[0];
  char **arguments = (char **)(stack + 1);
  environment = arguments + count + 1;
  if (count == 2 && arguments[1][0] == 'r') be_messenger();
  read_arguments(count, arguments);
  self = call(__NR_getpid, 0, 0, 0, 0, 0);
  /* Where we are not the first process, orphans come to us all the same. */
  call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  listen();
  has_terminal = call(__NR_ioctl, TERMINAL, TCGETS, (long)first_settings, 0, 0) == 0;
  start();
  for (;;) {
    long signal = take_signal(&all_signals, 0);
    bury();
    if (signal == RESTART_SIGNAL || (app_ended && is_restart_pending())) restart();
    else if (app_ended) end_as_app();
    else if (signal > 0 && signal != SIGCHLD) kill(app, (int)signal);
  }
}
