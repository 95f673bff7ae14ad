/** Was Lesende sehen, auf Deutsch. */

/** @typedef {import("../texts.js").Texts} Texts */

/** @param {number} count */
const changes = (count) => (count === 1 ? "1 Änderung" : `${count} Änderungen`);

/** @type {Texts} */
export const texts = {
  signIn: "Anmelden",
  signInToKeep: "Anmelden und Arbeit behalten",
  waitingForWindow: "Weiter im Anmeldefenster",
  signedIn: "Angemeldet",
  guest: "Gast",
  menu: ({ name }) => `${name}: Konto und Abmelden`,
  notYou: ({ name }) => `Angemeldet als ${name}. Nicht du? Dann melde dich ab.`,
  guestNote: "Du bist als Gast hier. Wer sich als Gast abmeldet, kommt an diese Arbeit nicht mehr heran.",
  account: "Dein Konto (neuer Tab)",
  signOut: "In diesem Browser abmelden",
  signOutHere: "Nur von diesem Buch abmelden",
  saveFile: ({ count }) => `${changes(count)} als Datei sichern`,
  fileName: "noch-nicht-gespeichert.json",

  saving: "Speichert …",
  saved: ({ time }) => `Gespeichert ${time}`,
  waiting: ({ count }) => `${changes(count)} ${count === 1 ? "wartet" : "warten"} auf diesem Gerät`,
  waitingUnkept: ({ count }) => `${changes(count)} noch nicht gesendet: Seite offen lassen`,
  onlyHere: "Nur auf diesem Gerät",
  onlyInPage: "Nicht gesichert: geht mit dieser Seite verloren",
  failed: "Nicht gespeichert",

  question: ({ count, name }) => `${changes(count)} von hier, aus der Zeit vor deiner Anmeldung. Als Arbeit von ${name} behalten?`,
  keep: "Behalten",
  discard: "Nicht von mir: löschen",
  leftover: ({ count }) => `${changes(count)} ${count === 1 ? "ließ" : "ließen"} sich nicht senden und ${count === 1 ? "geht" : "gehen"} mit dem Abmelden verloren. Sichere sie vorher als Datei.`,
  giveUp: "Abmelden und löschen",
  signedOutHere: "Du bist von diesem Buch abgemeldet.",
  signOutEverywhere: "Von allen Büchern abmelden",
  ownTab: "Das Buch im eigenen Tab öffnen",
  thisTab: "Dann in diesem Tab",
  copyAddress: "Adresse kopieren",
  copied: "Kopiert",
  openBrowser: "Im Browser öffnen",

  too_large: "Das ist zu groß zum Speichern. Es bleibt auf diesem Gerät; du kannst es als Datei sichern.",
  quota_exceeded: "Dein Platz für dieses Buch ist voll. Es bleibt auf diesem Gerät; du kannst es als Datei sichern.",
  device_full: "Auf diesem Gerät ist kein Platz mehr, und das Gateway ist nicht zu erreichen. Lass die Seite offen oder kopiere deine Arbeit woandershin.",
  device_failed: "Dieser Browser konnte deine Arbeit nicht sichern, und das Gateway ist nicht zu erreichen. Lass die Seite offen oder kopiere deine Arbeit woandershin.",
  refused: "Der Dienst hat es nicht angenommen. Es bleibt auf diesem Gerät und wird beim nächsten Besuch noch einmal gesendet; du kannst es als Datei sichern.",

  unreachable: "Der Anmeldedienst ist nicht zu erreichen. Deine Arbeit bleibt auf diesem Gerät.",
  unreachableUnkept: "Der Anmeldedienst ist nicht zu erreichen, und dieses Fenster behält nichts: Lass die Seite offen.",
  framed: "In diesem Rahmen geht das Anmelden nicht.",
  popup_blocked: "Der Browser hat das Anmeldefenster nicht geöffnet.",
  in_app: "In dieser App geht das Anmelden nicht. Öffne das Buch im Browser: Adresse kopieren und dort einfügen.",
  insecure_context: "Zum Anmelden braucht die Seite https.",
  access_denied: "Du hast dich gegen die Anmeldung bei diesem Buch entschieden.",
  login_required: "Bitte melde dich an.",
  interaction_required: "Noch ein Schritt: Bitte bestätige noch einmal.",
  consent_required: "Dieses Buch braucht deine Erlaubnis: Bitte melde dich noch einmal an.",
  cookie_required: "Dieser Browser behält nichts für die Anmeldung. Erlaube Cookies für diese Seite und versuche es noch einmal.",
  person_changed: "Inzwischen ist jemand anderes angemeldet. Deine Arbeit wurde nicht mit der anderen vermischt.",
  guests_refused: "Als Gast geht es hier nicht. Bitte melde dich an.",
  origin_refused: "Dieses Buch steht nicht auf der Liste des Anmeldedienstes. Wer es schreibt, kann mehr herausfinden.",
  too_many_requests: "Zu viele Versuche. Bitte warte eine Minute.",
  wrong_state: "Diese Antwort gehörte zu einer anderen Anmeldung. Bitte versuche es noch einmal.",
  invalid_grant: "Die Anmeldung hat zu lange gedauert. Bitte versuche es noch einmal.",
  temporarily_unavailable: "Der Anmeldedienst ist ausgelastet. Bitte versuche es in einer Minute noch einmal.",
  bad_answer: "Etwas anderes als der Anmeldedienst hat geantwortet. Verlangt dieses Netz eine eigene Anmeldung?",
  failedToSignIn: "Das Anmelden hat nicht geklappt. Bitte versuche es noch einmal.",
};
