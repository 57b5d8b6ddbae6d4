// Accepts connections, keeps the idle ones, and gives those that speak a thread.
package io.fission.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * One thread selects; connections with something to say are served by blocking threads, as many as
 * there are requests. A connection belongs to the selector, to {@code waiting} or to one thread.
 */
final class Server {
    private static final int MAX_CONNECTIONS = 4096;
    private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(75);
    private static final long WRITE_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long TICK_MILLISECONDS = 5_000;
    private static final long WAITING_MILLISECONDS = 50;
    private static final int LEFTOVER_BYTES = 1 << 20;
    private static final int LEFTOVER_MILLISECONDS = 500;

    private final ServerSocketChannel listener;
    private final Pod pod;
    private final Settings settings;
    private final Selector selector;
    private final ThreadPoolExecutor threads;
    private final Set<Peer> busy = ConcurrentHashMap.newKeySet();
    private final Queue<Peer> silent = new ConcurrentLinkedQueue<>();
    private final Queue<Peer> waiting = new ConcurrentLinkedQueue<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean started;
    private volatile boolean ending;

    Server(ServerSocketChannel listener, Pod pod, Settings settings) throws IOException {
        this.listener = listener;
        this.pod = pod;
        this.settings = settings;
        this.selector = Selector.open();
        this.threads =
                new ThreadPoolExecutor(
                        1,
                        settings.maxThreads(),
                        30,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        task -> {
                            Thread thread = new Thread(task, "request");
                            thread.setDaemon(true);
                            return thread;
                        });
    }

    /** A connection with all that belongs to it. */
    private final class Peer {
        final SocketChannel channel;
        final Socket socket;
        final Connection connection;
        long silentSince;
        volatile long writingSince;

        Peer(SocketChannel channel) throws IOException {
            this.channel = channel;
            this.socket = channel.socket();
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            OutputStream output = new ChannelOutput();
            InputStream input = socket.getInputStream();
            this.connection =
                    new Connection(
                            input, output, socket::setSoTimeout, pod, settings.maxBodyBytes());
        }

        /** Writes to the channel, and lets the server see how long that takes. */
        private final class ChannelOutput extends OutputStream {
            @Override
            public void write(int one) throws IOException {
                write(new byte[] {(byte) one}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
                writingSince = System.nanoTime() | 1;
                try {
                    while (buffer.hasRemaining()) {
                        channel.write(buffer);
                    }
                } finally {
                    writingSince = 0;
                }
            }
        }
    }

    /** Serves until {@link #end}, and then until nothing runs any more. */
    void run() throws IOException {
        started = true;
        try {
            select();
        } finally {
            threads.shutdown();
            ended.countDown();
        }
    }

    private void select() throws IOException {
        listener.configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
        while (!ending || !isQuiet()) {
            selector.select(pause());
            List<Peer> ready = new ArrayList<>();
            for (SelectionKey key : selector.selectedKeys()) {
                if (!key.isValid()) {
                    continue;
                } else if (key.attachment() instanceof Peer peer) {
                    key.cancel();
                    ready.add(peer);
                } else {
                    accept(ready);
                }
            }
            selector.selectedKeys().clear();
            if (!ready.isEmpty()) {
                selector.selectNow(); // cancelled keys are gone only after this
            }
            startWaiting();
            ready.forEach(this::start);
            for (Peer peer = silent.poll(); peer != null; peer = silent.poll()) {
                keep(peer);
            }
            closeStale();
        }
        for (SelectionKey key : selector.keys()) {
            if (key.attachment() instanceof Peer peer) {
                close(peer);
            }
        }
    }

    /** Answers what runs and what arrives meanwhile, each as the last of its connection. */
    void end() {
        pod.end();
        ending = true;
        selector.wakeup();
    }

    /** Waits until {@link #run} is over, if it ever began. */
    void awaitEnd(long seconds) throws InterruptedException {
        if (started) {
            ended.await(seconds, TimeUnit.SECONDS);
        }
    }

    private boolean isQuiet() {
        return busy.isEmpty() && waiting.isEmpty() && silent.isEmpty();
    }

    private long pause() {
        if (!silent.isEmpty()) {
            return 1;
        }
        if (!waiting.isEmpty()) {
            return WAITING_MILLISECONDS;
        }
        boolean hasOthers = selector.keys().size() > 1 || !busy.isEmpty();
        return hasOthers ? TICK_MILLISECONDS : 0;
    }

    private void accept(List<Peer> ready) {
        try {
            for (SocketChannel channel = listener.accept(); channel != null;
                    channel = listener.accept()) {
                if (selector.keys().size() + busy.size() + waiting.size() > MAX_CONNECTIONS) {
                    channel.close();
                } else {
                    ready.add(new Peer(channel));
                }
            }
        } catch (IOException error) {
            System.err.println("could not accept a connection: " + error);
        }
    }

    private void start(Peer peer) {
        busy.add(peer);
        try {
            peer.channel.configureBlocking(true);
            threads.execute(() -> serve(peer));
        } catch (RejectedExecutionException | OutOfMemoryError full) {
            // As many threads as there may be, by our bound or by the pod's: one of them will do.
            waiting.add(peer);
            busy.remove(peer);
        } catch (IOException error) {
            busy.remove(peer);
            close(peer);
        }
    }

    /** A thread takes the next waiting connection when it is done; this is for when none is left. */
    private void startWaiting() {
        for (int count = waiting.size(); count > 0; count--) {
            Peer peer = waiting.poll();
            if (peer == null) {
                return;
            }
            start(peer);
        }
    }

    private void serve(Peer first) {
        for (Peer peer = first; peer != null; peer = waiting.poll()) {
            busy.add(peer);
            boolean isSilent = false;
            try {
                Connection.End end = peer.connection.serve();
                isSilent = end == Connection.End.SILENT && !ending;
                if (end == Connection.End.CLOSED) {
                    discardRest(peer);
                }
            } catch (Sink.CutShort error) {
                System.err.println(error.getMessage());
            } catch (IOException gone) {
                // The caller has left; nobody is there to be told.
            } catch (RuntimeException | Error error) {
                System.err.print(Traces.describe(error));
            }
            if (isSilent) {
                silent.add(peer);
            } else {
                close(peer);
            }
            busy.remove(peer);
        }
        if (!silent.isEmpty() || ending) {
            selector.wakeup();
        }
    }

    private void keep(Peer peer) {
        try {
            peer.silentSince = System.nanoTime();
            peer.channel.configureBlocking(false);
            peer.channel.register(selector, SelectionKey.OP_READ, peer);
        } catch (IOException error) {
            close(peer);
        }
    }

    private void closeStale() {
        long now = System.nanoTime();
        for (SelectionKey key : selector.keys()) {
            if (key.isValid()
                    && key.attachment() instanceof Peer peer
                    && now - peer.silentSince > IDLE_NANOS) {
                close(peer);
            }
        }
        for (Peer peer : busy) {
            long since = peer.writingSince;
            if (since != 0 && now - since > WRITE_NANOS) {
                close(peer);
            }
        }
    }

    /** Closing with unread bytes would take an answer back that the caller has not read yet. */
    private static void discardRest(Peer peer) throws IOException {
        peer.channel.shutdownOutput();
        peer.socket.setSoTimeout(LEFTOVER_MILLISECONDS);
        byte[] rest = new byte[8192];
        InputStream input = peer.socket.getInputStream();
        int left = LEFTOVER_BYTES;
        for (int count = input.read(rest); count >= 0 && left > 0; count = input.read(rest)) {
            left -= count;
        }
    }

    private static void close(Peer peer) {
        try {
            peer.channel.close();
        } catch (IOException error) {
            System.err.println("could not close a connection: " + error);
        }
    }
}
