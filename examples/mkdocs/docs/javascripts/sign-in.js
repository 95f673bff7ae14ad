import "http://127.0.0.1:8080/bookgate.js";

/* Above the text; in Material below the header, where it stays when the page changes without being loaded anew. */
const signIn = document.createElement("bookgate-sign-in");
const header = document.querySelector(".md-header");
if (header) header.after(signIn);
else document.querySelector("[role=main]").prepend(signIn);
