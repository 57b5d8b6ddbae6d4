/* Counts the words of the request's body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { SHOWN = 10 };

int main(void) {
  if (strcmp(getenv("REQUEST_METHOD"), "POST") != 0) {
    printf("Status: 405\nAllow: POST\n\nsend the text as the body of a POST\n");
    return 0;
  }
  size_t length = strtoul(getenv("CONTENT_LENGTH"), NULL, 10);
  char *text = malloc(length + 1);
  if (!text || fread(text, 1, length, stdin) != length) return 1;
  text[length] = '\0';

  struct words words = {0};
  words_count(&words, text);
  words_sort(&words);
  printf("%zu words, %zu different\n", words.total, words.length);
  for (size_t index = 0; index < words.length && index < SHOWN; index++)
    printf("%6zu %s\n", words.items[index].count, words.items[index].text);
  return 0;
}
