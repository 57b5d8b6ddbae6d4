/* A word is what lies between characters that are neither letters nor digits. */
#include "words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void add(struct words *words, char *text) {
  words->total++;
  for (size_t index = 0; index < words->length; index++) {
    if (strcmp(words->items[index].text, text) == 0) {
      words->items[index].count++;
      return;
    }
  }
  if (words->length == words->capacity) {
    words->capacity = words->capacity ? 2 * words->capacity : 64;
    words->items = realloc(words->items, words->capacity * sizeof *words->items);
    if (!words->items) abort(); /* the limit on memory; the caller sees a 500 */
  }
  words->items[words->length++] = (struct word){text, 1};
}

/* Bytes above 127 belong to letters of UTF-8. */
static int is_part(char c) { return isalnum((unsigned char)c) || (unsigned char)c > 127; }

void words_count(struct words *words, char *text) {
  while (*text) {
    if (!is_part(*text)) {
      text++;
      continue;
    }
    char *start = text;
    for (; is_part(*text); text++) *text = (char)tolower((unsigned char)*text);
    if (*text) *text++ = '\0';
    add(words, start);
  }
}

static int compare(const void *left, const void *right) {
  const struct word *a = left, *b = right;
  if (a->count != b->count) return a->count < b->count ? 1 : -1;
  return strcmp(a->text, b->text);
}

void words_sort(struct words *words) {
  if (words->length) qsort(words->items, words->length, sizeof *words->items, compare);
}
