/** The load request of the function that runs here, for whoever is started next in this pod. */
'use strict';

const fs = require('node:fs');

const STATE_PATH = '/userfunc/state.json';

class Remembered {
  constructor(realPath) {
    this.path = realPath(STATE_PATH);
  }

  read() {
    let text;
    try {
      text = fs.readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
      throw error;
    }
    return JSON.parse(text);
  }

  write(loadRequest) {
    try {
      // The function's variables may be secrets.
      fs.writeFileSync(this.path, JSON.stringify(loadRequest), { mode: 0o600 });
    } catch (error) {
      console.error(`a restart will not restore the function: ${error.message}`);
    }
  }

  forget() {
    try {
      fs.unlinkSync(this.path);
    } catch {
      // nothing was remembered, or nothing can be changed here
    }
  }
}

module.exports = { Remembered };
