#!/bin/sh
# Greets whoever is named in the query (?name=Ada) or in the body, in a language of the package.
set -eu

name=$(printf '%s' "$QUERY_STRING" | sed -n 's/^\(.*&\)\{0,1\}name=\([^&]*\).*$/\2/p')
[ -n "$name" ] || name=$(cat)
[ -n "$name" ] || name=world

language=${HTTP_ACCEPT_LANGUAGE:-en}
words="words/${language%%[-,;]*}"
[ -f "$words" ] || words=words/en

echo "greeting $name in ${words#words/}" >&2
printf '%s, %s!\n' "$(cat "$words")" "$name"
