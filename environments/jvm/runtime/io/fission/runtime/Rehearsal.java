// A function of our own is loaded and called before anybody waits.
package io.fission.runtime;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Whatever a virtual machine does for the first time is slow: classes are linked, methods are
 * interpreted. So a generic process goes the whole way of a first call, from bytes to bytes, with a
 * function that says nothing. Only what that warmed stays.
 */
final class Rehearsal {
    private static final String FUNCTION = "io.fission.rehearsal.Nothing";
    private static final String HOST = "Host: rehearsal\r\n";

    private Rehearsal() {}

    /** Performs; without it the first call is only slower. */
    static void run(String jar, int rounds) {
        if (jar == null || !new File(jar).exists()) {
            return;
        }
        Settings settings = new Settings(Map.of(), 2, 1 << 20);
        try {
            overSocket(jar, settings);
        } catch (IOException | RuntimeException closed) {
            // Some pods may make no connection: memory must do.
        }
        try {
            for (int round = 0; round < rounds; round++) {
                inMemory(jar, settings);
            }
        } catch (IOException | RuntimeException error) {
            System.err.println("the rehearsal failed: " + error);
        }
    }

    private static void inMemory(String jar, Settings settings) throws IOException {
        Pod pod = new Pod(settings, false);
        byte[] script = script(jar).getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream answers = new ByteArrayOutputStream();
        new Connection(new ByteArrayInputStream(script), answers, time -> {}, pod, 1 << 20).serve();
        check(answers.toString(StandardCharsets.UTF_8));
    }

    private static void overSocket(String jar, Settings settings) throws IOException {
        try (ServerSocketChannel listener = ServerSocketChannel.open()) {
            listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            Server server = new Server(listener, new Pod(settings, false), settings);
            Thread thread = new Thread(() -> runQuietly(server), "rehearsal");
            thread.setDaemon(true);
            thread.start();
            try (SocketChannel caller = SocketChannel.open(listener.getLocalAddress())) {
                caller.write(ByteBuffer.wrap(script(jar).getBytes(StandardCharsets.UTF_8)));
                caller.shutdownOutput();
                ByteArrayOutputStream answers = new ByteArrayOutputStream();
                ByteBuffer piece = ByteBuffer.allocate(4096);
                while (caller.read(piece) >= 0) {
                    answers.write(piece.array(), 0, piece.position());
                    piece.clear();
                }
                check(answers.toString(StandardCharsets.UTF_8));
            } finally {
                server.end();
            }
        }
    }

    private static void runQuietly(Server server) {
        try {
            server.run();
        } catch (IOException | RuntimeException error) {
            System.err.println("the rehearsal failed: " + error);
        }
    }

    private static String script(String jar) {
        String load = "{\"filepath\":\"" + jar.replace("\\", "\\\\").replace("\"", "\\\"")
                + "\",\"functionName\":\"" + FUNCTION
                + "\",\"FunctionMetadata\":{\"name\":\"rehearsal\",\"namespace\":\"n\"},"
                + "\"envVersion\":3,\"requestsPerPod\":1}";
        String json = "{\"a\":[1,2.5,true,null,\"\\u00e9\"]}";
        return "POST /v2/specialize HTTP/1.1\r\n" + HOST
                + "Content-Type: application/json\r\nContent-Length: " + load.length()
                + "\r\n\r\n" + load
                + "GET /?a=b HTTP/1.1\r\n" + HOST + "Accept: */*\r\n\r\n"
                + "POST / HTTP/1.1\r\n" + HOST
                + "Content-Type: application/json\r\nContent-Length: " + json.length()
                + "\r\n\r\n" + json;
    }

    private static void check(String answers) {
        if (!answers.startsWith("HTTP/1.1 200") || !answers.endsWith("{\"body\":\"empty1\"}")) {
            throw new IllegalStateException(answers);
        }
    }
}
