/* Words and how often each occurs. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

struct word {
  char *text;
  size_t count;
};

struct words {
  struct word *items;
  size_t length, capacity, total;
};

/* Counts the words of a text, which is changed: letters become small ones. */
void words_count(struct words *words, char *text);

/* Puts the most frequent first; of equals, the first in the alphabet. */
void words_sort(struct words *words);

#endif
