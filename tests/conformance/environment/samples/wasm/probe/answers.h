/* The answers by path. */
#ifndef ANSWERS_H
#define ANSWERS_H

/* Writes the answer for a path to standard output; the exit code of the program. */
int answer(const char *path);

#endif
