/**
 * The runtime server: waits to be given a function once, then every request is a call of it.
 *
 * <p>From the outside in: {@link io.fission.runtime.Server} accepts and keeps idle connections,
 * {@link io.fission.runtime.Connection} reads requests and writes answers on a thread of its own,
 * {@link io.fission.runtime.Pod} decides what a request is, {@link io.fission.runtime.Loader} turns
 * a package into an instance of the user's class, and {@link io.fission.runtime.Bridge} calls it. It
 * needs the JDK alone.
 */
package io.fission.runtime;
