/** What the rehearsal calls. */
'use strict';

exports.main = async (context) => ({
  status: 200,
  body: { query: context.request.query, body: context.request.body },
  headers: { 'X-Rehearsal': 'yes' },
});
