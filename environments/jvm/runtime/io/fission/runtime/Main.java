// Starts the server: on the socket that was handed over as standard input, or on port 8888.
package io.fission.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.channels.Channel;
import java.nio.channels.ServerSocketChannel;

/** The program. */
public final class Main {
    private static final int PORT = 8888;
    private static final int BACKLOG = 1024;
    /** Longest that running calls may take to finish; the platform's grace period cuts it. */
    private static final long GRACE_SECONDS = 30;
    /** Beside the one over a socket. More of them make no call faster that comes after. */
    private static final int ROUNDS = 2;

    private Main() {}

    /** Serves until SIGTERM; with {@code --rehearse} ends when a first call is rehearsed. */
    public static void main(String[] arguments) {
        boolean goesOn = arguments.length == 0;
        try {
            serve(goesOn);
        } catch (IOException | RuntimeException error) {
            System.err.println("the runtime ended: " + error);
            Runtime.getRuntime().halt(1); // not by way of the hook, whose end is a good one
        }
    }

    private static void serve(boolean goesOn) throws IOException {
        Settings settings = Settings.from(System.getenv());
        Pod pod = new Pod(settings, true);
        Server server = new Server(listen(), pod, settings);
        pod.restore();
        if (pod.isGeneric()) {
            Rehearsal.run(System.getProperty("fission.rehearsal"), ROUNDS);
        }
        if (goesOn) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> finish(server, pod)));
            server.run();
        }
    }

    private static ServerSocketChannel listen() throws IOException {
        Channel inherited = System.inheritedChannel();
        if (inherited instanceof ServerSocketChannel listener) {
            // The channel has a descriptor of its own. What a function starts may inherit standard
            // input, and must not hold the address of a pod that is gone: now it is /dev/null.
            System.in.close();
            System.setIn(InputStream.nullInputStream());
            return listener;
        }
        if (System.getenv("LISTEN_FDS") != null) {
            throw new IOException("LISTEN_FDS is set, but standard input is no listening socket");
        }
        return ServerSocketChannel.open().bind(new InetSocketAddress(PORT), BACKLOG);
    }

    private static void finish(Server server, Pod pod) {
        server.end();
        try {
            server.awaitEnd(GRACE_SECONDS);
        } catch (InterruptedException error) {
            System.err.println("did not wait for running calls: " + error);
        }
        pod.forget();
        System.out.flush();
        System.err.flush();
        Runtime.getRuntime().halt(0);
    }
}
