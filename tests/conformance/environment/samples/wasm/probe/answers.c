/* Every answer begins as a CGI answer, so that what a body begins with does not matter. */
#include "answers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *read_body(size_t *length) {
  *length = (size_t)atol(getenv("CONTENT_LENGTH"));
  char *body = calloc(*length + 1, 1);
  if (fread(body, 1, *length, stdin) != *length) abort();
  return body;
}

static void begin(const char *type) { printf("Content-Type: %s\r\n\r\n", type); }

static void wait_as_asked(void) {
  size_t length;
  long milliseconds = atol(read_body(&length));
  struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static int echo(void) {
  size_t length;
  const char *body = read_body(&length);
  begin("application/octet-stream");
  fwrite(body, 1, length, stdout);
  return 0;
}

static int request(void) {
  begin("text/plain");
  printf("%s %s\n", getenv("REQUEST_METHOD"), getenv("REQUEST_URI"));
  for (char **variable = environ; *variable; variable++) {
    if (strncmp(*variable, "HTTP_", 5) != 0) continue;
    const char *c = *variable + 5;
    for (; *c != '='; c++) putchar(*c == '_' ? '-' : tolower((unsigned char)*c));
    printf(": %s\n", c + 1);
  }
  return 0;
}

static int status(void) {
  printf("Status: 418 I'm a teapot\nX-Sample: yes\nContent-Type: text/x-sample\n\nteapot");
  return 0;
}

static int empty(void) { return 0; }

static int error(void) {
  fprintf(stderr, "sample failure\n");
  return 1;
}

static int big(void) {
  begin("text/plain");
  for (int count = 0; count < 1048576; count++) putchar('x');
  return 0;
}

static int slow(void) {
  fprintf(stderr, "started\n");
  wait_as_asked();
  printf("slept");
  return 0;
}

static int stream(void) {
  printf("one\n");
  fflush(stdout);
  wait_as_asked();
  printf("two\n");
  return 0;
}

static int env(void) {
  size_t length;
  const char *value = getenv(read_body(&length));
  printf("%s", value ? value : "");
  return 0;
}

static int log_lines(void) {
  printf("to stdout\n");
  fprintf(stderr, "to stderr\n");
  return 0;
}

static const struct {
  const char *path;
  int (*answer)(void);
} ANSWERS[] = {
    {"/echo", echo}, {"/request", request}, {"/status", status}, {"/empty", empty},
    {"/error", error}, {"/big", big}, {"/slow", slow}, {"/stream", stream},
    {"/env", env}, {"/log", log_lines},
};

int answer(const char *path) {
  for (size_t index = 0; index < sizeof ANSWERS / sizeof *ANSWERS; index++)
    if (strcmp(path, ANSWERS[index].path) == 0) return ANSWERS[index].answer();
  printf("hello");
  return 0;
}
