// What the container's environment says, read once.
package io.fission.runtime;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Settings of the process.
 *
 * @param volumes declared mount path → where it really is; empty where the two are the same
 * @param maxThreads most requests that are worked on at once; connections beyond wait
 * @param maxBodyBytes longest request body, which is kept in memory whole
 */
record Settings(Map<String, String> volumes, int maxThreads, long maxBodyBytes) {
    private static final int DEFAULT_THREADS = 64;
    /** Bodies are in memory: at most a quarter of the heap for one of them. */
    private static final int HEAP_SHARE = 4;

    static Settings from(Map<String, String> env) {
        Map<String, String> volumes = new LinkedHashMap<>();
        String paths = env.get("POD_VOLUME_PATHS");
        if (paths != null && !paths.isEmpty()) {
            try {
                if (Json.parse(paths) instanceof Map<?, ?> map) {
                    for (Map.Entry<?, ?> entry : map.entrySet()) {
                        volumes.put(entry.getKey().toString(), entry.getValue().toString());
                    }
                }
            } catch (Json.BadJson error) {
                throw new IllegalArgumentException(
                        "POD_VOLUME_PATHS: " + error.getMessage(), error);
            }
        }
        long maxBody = Runtime.getRuntime().maxMemory() / HEAP_SHARE;
        int threads = Integer.getInteger("fission.threads", DEFAULT_THREADS);
        return new Settings(volumes, threads, Math.min(maxBody, 256L << 20));
    }

    /** Where a declared path really is: the longest mount path that it lies in decides. */
    String realPath(String declared) {
        String best = null;
        for (String mount : volumes.keySet()) {
            String folder = mount.endsWith("/") ? mount : mount + "/";
            boolean holds = declared.equals(mount) || declared.startsWith(folder);
            if (holds && (best == null || mount.length() > best.length())) {
                best = mount;
            }
        }
        return best == null ? declared : volumes.get(best) + declared.substring(best.length());
    }
}
