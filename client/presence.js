/** When to ask again who is signed in: somebody is back at the page, another tab says something, the gateway may be back. */

const CHANNEL = "bookgate-session"; // between the tabs of one origin
const LOOKS = 60_000; // ms between two looks at who is signed in

/** @typedef {"signed-out" | {merged: string | null}} News merged: the guest whose work is now that of who signed in */

/**
 * @typedef {object} Listener
 * @property {() => boolean} busy is somebody just signing in?
 * @property {() => void} online
 * @property {() => Promise<void>} back somebody may have been away for long
 * @property {() => void} leave the page may be going
 * @property {() => void} hidden it is out of sight
 * @property {(news: News) => void} heard
 */

export class Presence {
  #listener;
  #looked = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */ #timer = null;
  #channel = new BroadcastChannel(CHANNEL);

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  watch() {
    addEventListener("online", () => this.#listener.online());
    addEventListener("focus", () => void this.#look());
    addEventListener("pageshow", (event) => void (event.persisted && this.#look(0)));
    addEventListener("pagehide", () => this.#listener.leave());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "hidden") return void this.#look();
      this.#listener.leave();
      this.#listener.hidden();
    });
    this.#channel.onmessage = ({ data }) => this.#listener.heard(data);
  }

  /** To the other tabs. @param {News} news */
  tell(news) {
    this.#channel.postMessage(news);
  }

  /** Looks again in a minute, if that is not planned yet. */
  again() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#look(0);
    }, LOOKS);
  }

  /** Who is signed in may have changed in another book, of which no tab here heard. @param {number} [pause] ms */
  async #look(pause = LOOKS) {
    if (document.visibilityState === "hidden" || this.#listener.busy() || Date.now() - this.#looked < pause) return;
    this.#looked = Date.now();
    await this.#listener.back();
  }
}
