import "http://127.0.0.1:8080/bookgate.js";

const returnPage = document.createElement("link");
returnPage.rel = "bookgate-return";
returnPage.href = new URL("../bookgate-return.html", import.meta.url).href;
const signIn = document.createElement("bookgate-sign-in");

/* Above the text; in Material below the header, where it stays when the page changes without being loaded anew. */
const header = document.querySelector(".md-header");
if (header) header.after(returnPage, signIn);
else document.querySelector("[role=main]").prepend(returnPage, signIn);
