/** What the rehearsal imports, so that the loader of ES modules is ready. */
export default async () => 'rehearsed';
