/** What `<bookgate-sign-in>` is made of, and how it looks: parts and custom properties are documented in docs/authors/sign-in-element.md. */

export const STYLE = `
  :host {
    display: inline-block; font: inherit; color: inherit; text-align: start;
    --accent: var(--bookgate-accent, #1f4f8f); --on-accent: var(--bookgate-on-accent, #fff);
    --surface: var(--bookgate-surface, #fff); --on-surface: var(--bookgate-on-surface, #1b1f24);
    --line: var(--bookgate-line, #6e7781); --radius: var(--bookgate-radius, .5em);
    --good: #1a7f37; --wait: #9a5b00; --bad: #c62828;
  }
  @supports (color: light-dark(#000, #fff)) {
    :host {
      --accent: var(--bookgate-accent, light-dark(#1f4f8f, #9cc4ff)); --on-accent: var(--bookgate-on-accent, light-dark(#fff, #08111f));
      --surface: var(--bookgate-surface, light-dark(#fff, #1c2128)); --on-surface: var(--bookgate-on-surface, light-dark(#1b1f24, #e6edf3));
      --line: var(--bookgate-line, light-dark(#6e7781, #8b949e));
      --good: light-dark(#1a7f37, #56d364); --wait: light-dark(#9a5b00, #e3b341); --bad: light-dark(#c62828, #ff7b72);
    }
  }
  :is(p, button, a, label, .status) { unicode-bidi: plaintext; } /* our words in their own direction, whichever the page's is */
  :host([hidden]), [hidden] { display: none !important; }
  .row { position: relative; display: flex; flex-wrap: wrap; align-items: center; justify-content: var(--bookgate-justify, start); gap: .5em .75em; }
  .note + .row { margin-block-start: .75em; }
  button, a {
    font: inherit; color: inherit; box-sizing: border-box; min-height: max(2.75em, 44px); min-width: 44px; padding: .25em 1em;
    border: 1px solid var(--line); border-radius: var(--radius); background: transparent; cursor: pointer; overflow-wrap: anywhere;
  }
  a { display: inline-flex; align-items: center; text-decoration: underline; text-underline-offset: .15em; }
  .primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); font-weight: 600; }
  .primary:disabled { opacity: .6; cursor: default; }
  button:hover, a:hover { border-color: currentColor; }
  :is(button, a, input):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  .name { font-weight: 600; max-width: min(16em, 100%); display: inline-flex; align-items: center; gap: .5em; }
  .name span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .name::after { content: ""; flex: none; width: .4em; height: .4em; margin-block-start: -.2em; border: solid; border-width: 0 .15em .15em 0; rotate: 45deg; }
  .name[aria-expanded=true]::after { margin-block-start: .2em; rotate: 225deg; }
  .status { font-size: .9375em; display: inline-flex; align-items: center; gap: .5em; min-height: 1.5em; }
  .dot::before { content: ""; flex: none; width: .625em; height: .625em; border-radius: 50%; background: currentColor; }
  .saved::before { background: var(--good); }
  .waiting::before, .saving::before { background: var(--wait); border-radius: 0; rotate: 45deg; }
  .failed { font-weight: 600; }
  .failed::before { background: var(--bad); border-radius: 0; }
  input {
    font: inherit; color: inherit; box-sizing: border-box; min-height: max(2.75em, 44px); width: 12em; max-width: 100%; padding: .25em .75em;
    border: 1px solid var(--line); border-radius: var(--radius); background: transparent; direction: ltr;
  }
  .note { display: block; max-width: 34em; margin: 0; font-size: .9375em; }
  .box {
    margin-block-start: .5em; padding: .75em; max-width: 36em; border: 1px solid var(--line); border-radius: var(--radius);
    background: var(--surface); color: var(--on-surface);
  }
  .study { display: flex; flex-wrap: wrap; align-items: center; gap: .25em .75em; margin-block-start: .25em; }
  .study :is(a, button) { border-color: transparent; padding-inline: 0; font-size: .9375em; text-decoration: underline; text-underline-offset: .15em; }
  .box.alert { border-inline-start: .3em solid var(--bad); }
  .menu {
    position: absolute; z-index: 2147483000; inset-block-start: calc(100% + .25em); inset-inline-start: 0;
    width: max-content; max-width: min(22em, calc(100vw - 1em)); box-sizing: border-box; padding: .25em;
    border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); color: var(--on-surface);
    box-shadow: 0 .5em 1.5em rgb(0 0 0 / .25);
  }
  .menu p { margin: 0; padding: .5em .75em; font-size: .875em; }
  .menu button, .menu a { display: flex; align-items: center; width: 100%; border-color: transparent; text-align: start; text-decoration: none; }
  .menu :is(button, a):is(:hover, :focus-visible) { background: color-mix(in srgb, var(--accent) 15%, transparent); outline-offset: -3px; }
  @media (forced-colors: active) { .dot::before { forced-color-adjust: none; } }
`;

export const TEMPLATE = `
  <div class="row">
    <button class="name" part="button name" type="button" id="name" aria-haspopup="menu" aria-expanded="false" hidden><span></span></button>
    <button class="primary" part="button sign-in" type="button" id="sign-in" disabled></button>
    <button part="button have-code" type="button" id="have-code" aria-expanded="false" hidden></button>
    <span class="status dot" part="status" role="status" hidden></span>
  </div>
  <form class="box" id="enter" part="question" hidden>
    <label class="note" for="code" id="code-label"></label>
    <div class="row">
      <input part="code" id="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="40" required>
      <button class="primary" part="button go-on" id="go-on"></button>
    </div>
  </form>
  <div class="box" id="unclaimed" part="question" role="group" aria-labelledby="question" hidden>
    <p class="note" id="question"></p>
    <div class="row">
      <button class="primary" part="button keep" type="button" id="keep"></button>
      <button part="button discard" type="button" id="discard"></button>
    </div>
  </div>
  <div class="study" id="study" part="study" role="group" aria-labelledby="study-asks" hidden>
    <p class="note" id="study-asks"></p>
    <a part="link read-study" id="read-study" target="_blank" rel="noopener"></a>
    <button part="button later" type="button" id="later"></button>
  </div>
  <div class="box" id="message" part="message" hidden>
    <p class="note" id="note" role="alert"></p>
    <div class="row" id="remedies">
      <button part="button file" type="button" id="file" hidden></button>
      <button part="button give-up" type="button" id="give-up" hidden></button>
      <button part="button this-tab" type="button" id="this-tab" hidden></button>
      <button part="button copy" type="button" id="copy" hidden></button>
      <a part="link" id="link" hidden></a>
    </div>
  </div>
`;
