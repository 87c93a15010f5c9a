/*
 * scratch-app: the only file of an image without shell, tar or libraries. Ends with status 0 at SIGTERM.
 *
 *   /app log FILE          prints the content of FILE once a second
 *   /app serve FILE PORT   answers every HTTP request with the content of FILE
 *
 * FILE is opened anew each time, so a changed file shows without a restart.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void leave(int signal_number) {
  (void)signal_number;
  _exit(0);
}

static size_t read_message(const char *path, char *text, size_t size) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return (size_t)snprintf(text, size, "no file %s\n", path);
  size_t length = fread(text, 1, size, file);
  fclose(file);
  return length;
}

static void write_all(int descriptor, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = write(descriptor, bytes, size);
    if (written <= 0) return;
    bytes += written;
    size -= (size_t)written;
  }
}

static void log_forever(const char *path) {
  static char text[65536];
  for (;;) {
    size_t length = read_message(path, text, sizeof text - 1);
    if (length == 0 || text[length - 1] != '\n') text[length++] = '\n';
    write_all(STDOUT_FILENO, text, length);
    sleep(1);
  }
}

static void answer(int client, const char *path) {
  static char text[65536];
  char head[128], request[4096];
  if (read(client, request, sizeof request) <= 0) return;
  size_t length = read_message(path, text, sizeof text);
  int size = snprintf(head, sizeof head, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", length);
  write_all(client, head, (size_t)size);
  write_all(client, text, length);
}

static int listen_on(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 16) < 0) {
    perror(port);
    exit(1);
  }
  return server;
}

static void serve_forever(const char *path, const char *port) {
  int server = listen_on(port);
  printf("serving %s on port %s\n", path, port);
  fflush(stdout);
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    answer(client, path);
    close(client);
  }
}

int main(int argc, char **argv) {
  signal(SIGTERM, leave); /* PID 1 gets no default action */
  signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && strcmp(argv[1], "log") == 0) log_forever(argv[2]);
  if (argc == 4 && strcmp(argv[1], "serve") == 0) serve_forever(argv[2], argv[3]);
  fprintf(stderr, "usage: /app log FILE | /app serve FILE PORT\n");
  return 2;
}
