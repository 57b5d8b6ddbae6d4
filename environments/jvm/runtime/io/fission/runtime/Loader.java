// From a package to an instance of the user's class, in a class loader of its own.
package io.fission.runtime;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Loads a JAR file, or a folder with classes, JAR files and a {@code lib} folder of more of them.
 *
 * <p>Classes of the runtime come first, and the package's loader sees them: the types of the
 * signature are there without being packed, warmed and shared. A package that brings Spring's own
 * types gets a loader that sees nothing of the runtime but a second copy of {@link Bridge}, so that
 * its Spring is the only one.
 */
final class Loader {
    private static final String SPRING = "org/springframework/http/ResponseEntity.class";

    private final String declared;
    private final File place;
    private final String className;

    /**
     * A loaded function.
     *
     * @param call takes and returns what {@link Bridge} does
     * @param instance the user's object
     * @param loader what loaded it, for its threads
     */
    record Loaded(Function<Object[], Object[]> call, Object instance, ClassLoader loader) {}

    /** Prepares to load: the declared path is what messages name. */
    Loader(String declared, String real, String className) {
        this.declared = declared;
        this.place = new File(real);
        this.className = className;
    }

    /** Loads and instantiates the class; LoadFailure says what is wrong with it. */
    Loaded load() throws LoadFailure {
        if (!place.exists()) {
            throw new LoadFailure(400, declared + " does not exist: there is no code to load");
        }
        List<File> files = classPath();
        List<ZipFile> open = new ArrayList<>();
        try {
            boolean isolated = bringsSpring(files, open);
            URLClassLoader loader = makeLoader(files, isolated);
            Thread.currentThread().setContextClassLoader(loader);
            try {
                return instantiate(loader, open);
            } catch (LoadFailure | RuntimeException | Error failure) {
                close(loader);
                throw failure;
            } finally {
                Thread.currentThread().setContextClassLoader(Loader.class.getClassLoader());
            }
        } finally {
            for (ZipFile file : open) {
                close(file);
            }
        }
    }

    private List<File> classPath() {
        List<File> files = new ArrayList<>();
        files.add(place);
        if (place.isDirectory()) {
            for (File folder : List.of(place, new File(place, "lib"))) {
                File[] jars = folder.listFiles((parent, name) -> name.endsWith(".jar"));
                if (jars != null) {
                    Arrays.sort(jars);
                    files.addAll(List.of(jars));
                }
            }
            if (files.size() == 1 && isLonelyArchive(place.listFiles())) {
                files.add(place.listFiles()[0]);
            }
        }
        return files;
    }

    /** A built JAR file of an environment without keeparchive: packed once more, its name lost. */
    private static boolean isLonelyArchive(File[] content) {
        if (content == null || content.length != 1 || !content[0].isFile()) {
            return false;
        }
        try (ZipFile jar = new ZipFile(content[0])) {
            return jar.size() > 0;
        } catch (IOException error) {
            return false;
        }
    }

    /** Opens every JAR file, which tells at once whether it is one. */
    private boolean bringsSpring(List<File> files, List<ZipFile> open) throws LoadFailure {
        boolean found = false;
        for (File file : files) {
            if (file.isDirectory()) {
                found |= new File(file, SPRING).exists();
                continue;
            }
            try {
                ZipFile jar = new ZipFile(file);
                open.add(jar);
                found |= jar.getEntry(SPRING) != null;
            } catch (IOException error) {
                String name = file.equals(place) ? declared : file.getName();
                throw new LoadFailure(
                        400, name + " is not a readable JAR file: " + error.getMessage());
            }
        }
        return found;
    }

    private static URLClassLoader makeLoader(List<File> files, boolean isolated)
            throws LoadFailure {
        try {
            List<URL> urls = new ArrayList<>();
            for (File file : files) {
                urls.add(file.toURI().toURL());
            }
            if (isolated) {
                urls.add(Bridge.class.getProtectionDomain().getCodeSource().getLocation());
            }
            ClassLoader parent =
                    isolated
                            ? ClassLoader.getPlatformClassLoader()
                            : Loader.class.getClassLoader();
            return new URLClassLoader("function", urls.toArray(URL[]::new), parent);
        } catch (MalformedURLException error) {
            throw new LoadFailure(500, "the package's path has no URL: " + error.getMessage());
        }
    }

    @SuppressWarnings("unchecked")
    private Loaded instantiate(ClassLoader loader, List<ZipFile> open) throws LoadFailure {
        try {
            Class<?> bridge = loader.loadClass(Bridge.class.getName());
            Class<?> type = Class.forName(className, true, loader);
            if (!(boolean) bridge.getMethod("isFunction", Class.class).invoke(null, type)) {
                throw new LoadFailure(
                        400, "class " + className + " does not implement io.fission.Function");
            }
            Object instance = type.getConstructor().newInstance();
            Object call = bridge.getConstructor(Object.class).newInstance(instance);
            return new Loaded((Function<Object[], Object[]>) call, instance, loader);
        } catch (ClassNotFoundException error) {
            throw new LoadFailure(400, notFound(error, open));
        } catch (NoSuchMethodException | IllegalAccessException | InstantiationException error) {
            throw new LoadFailure(400, "class " + className
                    + " has to be public, not abstract, with a public constructor without parameters");
        } catch (InvocationTargetException error) {
            Throwable cause = error.getCause();
            throw new LoadFailure(500, "the constructor of " + className + " failed"
                    + advice(cause) + "\n" + Traces.describe(cause));
        } catch (ExceptionInInitializerError error) {
            throw new LoadFailure(500, "the static part of " + className + " failed\n"
                    + Traces.describe(error.getCause() == null ? error : error.getCause()));
        } catch (NoClassDefFoundError error) {
            throw new LoadFailure(500, "class " + className + " cannot be linked" + advice(error)
                    + "\n" + Traces.describe(error));
        } catch (UnsupportedClassVersionError error) {
            throw new LoadFailure(500, error.getMessage() + "; this is Java "
                    + Runtime.version().feature() + ": build with maven.compiler.release "
                    + Runtime.version().feature() + " or lower, or run a newer Java");
        } catch (LinkageError error) {
            throw new LoadFailure(500, "class " + className + " cannot be linked\n"
                    + Traces.describe(error));
        }
    }

    private String notFound(ClassNotFoundException error, List<ZipFile> open) {
        String simple = className.substring(className.lastIndexOf('.') + 1) + ".class";
        List<String> similar = new ArrayList<>();
        for (ZipFile file : open) {
            if (file.getEntry("BOOT-INF/") != null) {
                return "no class " + className + " in the package: it is an executable JAR of "
                        + "Spring Boot, whose classes lie in BOOT-INF; pack with the assembly or "
                        + "shade plugin instead";
            }
            file.stream()
                    .map(ZipEntry::getName)
                    .filter(name -> name.equals(simple) || name.endsWith("/" + simple))
                    .forEach(similar::add);
        }
        String hint = similar.isEmpty()
                ? ""
                : "; it has " + similar.get(0).replace('/', '.').replace(".class", "");
        return "no class " + error.getMessage() + " in the package" + hint
                + ". The entry point is the full name of a class that implements io.fission.Function";
    }

    /** What to do about a class that is not there; nothing for other failures. */
    static String advice(Throwable error) {
        String name = error instanceof NoClassDefFoundError ? error.getMessage() : null;
        if (name == null || name.startsWith("Could not initialize")) {
            return "";
        }
        return ": class " + name.replace('/', '.') + " is not in the package; pack it with the "
                + "function (scope compile, the assembly or shade plugin)";
    }

    private static void close(java.io.Closeable one) {
        try {
            one.close();
        } catch (IOException error) {
            System.err.println("could not close a package: " + error);
        }
    }
}
