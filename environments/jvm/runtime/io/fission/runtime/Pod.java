// From generic to one function's: what each request is, and who answers it.
package io.fission.runtime;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The runtime protocol. A pod takes one function, once; what it loaded is written down for whoever
 * is started next in the same pod, since the platform does not ask twice.
 */
final class Pod {
    private static final String STATE_PATH = "/userfunc/state.json";
    private static final String CODE_PATH = "/userfunc/deployarchive";
    private static final int MAX_STATE_BYTES = 1 << 20;
    private static final Set<PosixFilePermission> OWN =
            PosixFilePermissions.fromString("rw-------");

    private final Settings settings;
    private final boolean remembers;
    private final AtomicBoolean claimed = new AtomicBoolean();
    private volatile Instance current;
    private volatile boolean ending;

    /**
     * The function of this pod.
     *
     * @param limit most calls at once; 0 is no limit
     */
    private record Instance(
            Loader.Loaded loaded, String name, String namespace, int limit, AtomicInteger active) {
        boolean enter() {
            if (active.incrementAndGet() > limit && limit > 0) {
                active.decrementAndGet();
                return false;
            }
            return true;
        }

        void leave() {
            active.decrementAndGet();
        }
    }

    /** A generic pod; {@code remembers}: leave word of what is loaded for a successor. */
    Pod(Settings settings, boolean remembers) {
        this.settings = settings;
        this.remembers = remembers;
    }

    boolean isGeneric() {
        return current == null;
    }

    /** From here on every answer ends its connection. */
    void end() {
        ending = true;
    }

    /** Answers one request; returns whether its connection goes on. */
    boolean serve(Request request, Head head, Sink sink) throws IOException {
        String path = request.path();
        String method = request.method();
        if (path.equals("/healthz") && (method.equals("GET") || method.equals("HEAD"))) {
            return write(Answer.text(200, ""), head, sink);
        }
        if (path.equals("/v2/specialize")) {
            return write(specialize(request), head, sink);
        }
        Instance instance = current;
        if (instance == null) {
            // The router takes the call elsewhere.
            return write(Answer.text(400, "Container not specialized", "X-Fission-Busy", "0"), head, sink);
        }
        if (!instance.enter()) {
            String limit = Integer.toString(instance.limit);
            Answer busy =
                    Answer.text(503, "every slot of this pod is taken\n", "X-Fission-Busy", limit);
            return write(busy, head, sink);
        }
        AtomicBoolean held = new AtomicBoolean(true);
        Runnable leave = () -> {
            if (held.compareAndSet(true, false)) {
                instance.leave();
            }
        };
        try {
            Answer answer = call(instance, request);
            if (answer.stream() == null) {
                leave.run(); // before the caller can know that it is answered
                return write(answer, head, sink);
            }
            try (InputStream counted = new Counted(answer.stream(), leave)) {
                return write(
                        new Answer(answer.status(), answer.headers(), null, counted), head, sink);
            }
        } finally {
            leave.run();
        }
    }

    private boolean write(Answer answer, Head head, Sink sink) throws IOException {
        return sink.write(answer, head, head.keepAlive() && !ending);
    }

    private static Answer call(Instance instance, Request request) {
        Thread thread = Thread.currentThread();
        thread.setContextClassLoader(instance.loaded.loader());
        try {
            Object[] call = Exchange.makeCall(request, instance.name, instance.namespace);
            return Exchange.makeAnswer(instance.loaded.call().apply(call));
        } catch (BadRequest refusal) {
            return Answer.text(refusal.status, refusal.getMessage() + "\n");
        } catch (BadAnswer mistake) {
            System.err.println(mistake.getMessage());
            return Answer.text(500, "Internal Server Error\n");
        } catch (Throwable error) { // whatever it is, it is the function's: OutOfMemoryError, too
            String advice = Loader.advice(error);
            System.err.print(Traces.describe(error));
            if (!advice.isEmpty()) {
                System.err.println("the call failed" + advice);
            }
            return Answer.text(500, "Internal Server Error\n");
        } finally {
            System.out.flush();
            System.err.flush();
        }
    }

    // -- loading --------------------------------------------------------------------------------

    private Answer specialize(Request request) {
        if (!request.method().equals("POST")) {
            return Answer.text(405, "/v2/specialize takes POST", "Allow", "POST");
        }
        if (!claimed.compareAndSet(false, true)) {
            return Answer.text(400, "Not a generic container: a function is loaded already");
        }
        try {
            int variables = load(request.body());
            remember(request.body());
            if (variables > 0) {
                return Answer.text(
                        200, "Done", Variables.HEADER, Integer.toString(variables));
            }
            return Answer.text(200, "Done");
        } catch (LoadFailure failure) {
            System.err.println(failure.getMessage());
            return Answer.text(failure.status, failure.getMessage());
        } catch (Json.BadJson error) {
            return Answer.text(400, "the load request is malformed: " + error.getMessage());
        } finally {
            claimed.set(current != null);
        }
    }

    /** Loads again what a predecessor in this pod had loaded. */
    void restore() {
        Path state = Path.of(settings.realPath(STATE_PATH));
        if (!remembers || !Files.exists(state)) {
            return;
        }
        try {
            if (Files.size(state) > MAX_STATE_BYTES) {
                throw new IOException("it is too long");
            }
            load(Files.readAllBytes(state));
            claimed.set(true);
        } catch (IOException | LoadFailure | Json.BadJson error) {
            System.err.println("could not restore the function: " + error.getMessage());
        }
    }

    /** Forgets the function, and closes it if it can be closed. */
    void forget() {
        Instance instance = current;
        if (instance == null) {
            return;
        }
        if (instance.loaded.instance() instanceof AutoCloseable closeable) {
            try {
                closeable.close();
            } catch (Exception error) {
                System.err.print(Traces.describe(error));
            }
        }
        if (remembers) {
            try {
                Files.deleteIfExists(Path.of(settings.realPath(STATE_PATH)));
            } catch (IOException error) {
                System.err.println("could not remove " + STATE_PATH + ": " + error);
            }
        }
    }

    /** Loads with the function's variables; returns how many these are. */
    private int load(byte[] body) throws Json.BadJson, LoadFailure {
        if (!(Json.parse(body) instanceof Map<?, ?> request)) {
            throw new Json.BadJson("it is not an object");
        }
        String name = text(request, "functionName");
        if (name.isEmpty()) {
            throw new LoadFailure(
                    400, "functionName is missing: the full name of the function's class");
        }
        String path = text(request, "filepath");
        String declared = path.isEmpty() ? CODE_PATH : path;
        Object metadata = request.get("FunctionMetadata");
        Map<?, ?> about = metadata instanceof Map<?, ?> map ? map : Map.of();
        int limit = request.get("requestsPerPod") instanceof Number number ? number.intValue() : 0;
        Map<String, String> variables = Variables.parse(request.get("env"));
        Runnable takeBack = Variables.apply(variables);
        Loader.Loaded loaded;
        try {
            loaded = new Loader(declared, settings.realPath(declared), name).load();
        } catch (LoadFailure | RuntimeException | Error failure) {
            takeBack.run();
            throw failure;
        }
        current =
                new Instance(
                        loaded,
                        text(about, "name"),
                        text(about, "namespace"),
                        limit,
                        new AtomicInteger());
        return variables.size();
    }

    private void remember(byte[] body) {
        if (!remembers) {
            return;
        }
        try {
            Path state = Path.of(settings.realPath(STATE_PATH));
            if (!Files.exists(state)) { // the function's variables may be secrets
                Files.createFile(state, PosixFilePermissions.asFileAttribute(OWN));
            }
            Files.write(state, body);
        } catch (IOException error) {
            System.err.println("a restart will not restore the function: " + error);
        }
    }

    private static String text(Map<?, ?> object, String name) {
        return object.get(name) instanceof String text ? text : "";
    }

    /** Gives the slot back when the last byte is there, before the caller can know of it. */
    private static final class Counted extends FilterInputStream {
        private final Runnable leave;

        Counted(InputStream stream, Runnable leave) {
            super(stream);
            this.leave = leave;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int count = super.read(target, offset, length);
            if (count < 0) {
                leave.run();
            }
            return count;
        }

        @Override
        public void close() throws IOException {
            leave.run();
            super.close();
        }
    }
}
