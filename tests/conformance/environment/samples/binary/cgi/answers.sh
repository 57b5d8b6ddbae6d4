# The longer answers.

describe_request() {
    echo "$REQUEST_METHOD $REQUEST_URI"
    env | awk -F= '/^HTTP_/ {
        name = tolower(substr($1, 6)); gsub("_", "-", name)
        print name ": " substr($0, length($1) + 2)
    }'
}

fail() {
    echo 'sample failure' >&2
    exit 3
}

wait_for_body() {
    milliseconds=$(cat)
    sleep "$((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000)))"
}
