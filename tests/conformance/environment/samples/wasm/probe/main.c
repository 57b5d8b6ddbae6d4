/* Answers what the promises ask, by path. */
#include <stdlib.h>

#include "answers.h"

int main(void) { return answer(getenv("PATH_INFO")); }
