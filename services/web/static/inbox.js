// Shows new notifications on the inbox page as they arrive. Without this script the page shows them when it is loaded.
"use strict";

const live = document.getElementById("live");
const list = document.getElementById("notifications");
const template = document.getElementById("notification");

function show(event) {
  const { title, body } = JSON.parse(event.data);
  const entry = template.content.cloneNode(true);
  entry.querySelector("bdi").textContent = title;
  entry.querySelector("p[dir]").textContent = body;
  list.prepend(entry);
  live.textContent = title;
}

function follow(after) {
  const stream = new EventSource(`/inbox/stream?after=${after}`);
  let last = after;
  stream.addEventListener("notification", (event) => {
    last = event.lastEventId || last;
    show(event);
  });
  // The server asks for a new connection, with a renewed sign-in, or for none any more.
  stream.addEventListener("renew", () => { stream.close(); follow(last); });
  stream.addEventListener("ended", () => stream.close());
  window.addEventListener("pagehide", () => stream.close());
}

if (live.dataset.first) follow(live.dataset.after);
