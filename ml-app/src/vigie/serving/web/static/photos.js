// Photos in a form: previews, drag and drop, paste, several from several places; and answers that
// come without the page leaving, so that the photos stay chosen. Without it the form works too.
"use strict";

const addresses = new Map();

function addressOf(file) {
  if (!addresses.has(file)) addresses.set(file, URL.createObjectURL(file));
  return addresses.get(file);
}

function forget(file) {
  URL.revokeObjectURL(addresses.get(file));
  addresses.delete(file);
}

/** One field for photos. `files` are those that are chosen, in order. */
class Chooser {
  constructor(root, files) {
    this.root = root;
    this.said = root.dataset;
    this.most = Number(this.said.most);
    this.input = root.querySelector("input[multiple], .choose > input");
    this.camera = root.querySelector(".camera input");
    this.files = [];
    root.classList.add("scripted");
    this.camera.labels[0].classList.add("button", "quiet");
    for (const part of root.querySelectorAll(".choose > [hidden]")) part.hidden = false;
    for (const input of [this.input, this.camera]) {
      input.addEventListener("change", () => {
        const taken = [...input.files];
        this.camera.value = "";
        this.add(taken);
      });
    }
    if (files.length) this.show(files);
  }

  get name() {
    return this.said.name;
  }

  add(files) {
    this.complain("");
    const all = this.most > 1 ? [...this.files, ...files] : [...files.slice(0, 1), ...this.files];
    for (const file of all.slice(this.most)) if (this.files.includes(file)) forget(file);
    if (this.most > 1 && all.length > this.most) this.complain(this.said.tooMany);
    this.show(all.slice(0, this.most));
  }

  remove(place) {
    forget(this.files[place]);
    this.complain("");
    this.show(this.files.filter((_, each) => each !== place));
    const others = this.root.querySelectorAll(".chosen button");
    (others[Math.min(place, others.length - 1)] ?? this.input).focus();
  }

  show(files) {
    this.files = files;
    const held = new DataTransfer();
    for (const file of files) held.items.add(file);
    this.input.files = held.files;
    this.root.querySelector(".chosen").replaceChildren(...files.map((file, place) => this.preview(file, place)));
    this.root.querySelector(".count").textContent =
      files.length ? this.said.count.replace("{count}", files.length) : "";
    if (this.size > Number(this.said.mostBytes)) this.complain(this.said.tooLarge);
  }

  get size() {
    return this.files.reduce((sum, file) => sum + file.size, 0);
  }

  preview(file, place) {
    const picture = document.createElement("img");
    picture.alt = "";
    picture.decoding = "async";
    // what this browser cannot show, the service may still take
    picture.addEventListener("error", () => {
      const words = document.createElement("span");
      words.className = "unseen small";
      words.textContent = this.said.unseen;
      picture.replaceWith(words);
    });
    picture.src = addressOf(file);
    const name = document.createElement("span");
    name.className = "file small";
    name.textContent = file.name;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "×";
    button.ariaLabel = this.said.remove.replace("{name}", file.name);
    button.addEventListener("click", () => this.remove(place));
    const item = document.createElement("li");
    item.append(picture, name, button);
    return item;
  }

  complain(text) {
    const place = this.root.querySelector(".error");
    place.textContent = text;
    place.hidden = !text;
  }
}

let choosers = [];
let asking = false;

function start(chosen) {
  choosers = [...document.querySelectorAll(".photos")].map(
    (root) => new Chooser(root, chosen.get(root.dataset.name) ?? []),
  );
  document.querySelector("#values")?.addEventListener("submit", ask);
  for (const picture of document.querySelectorAll("img[data-place]")) sharpen(picture, chosen);
}

/** Shows a photo from the file itself, where this browser can. */
function sharpen(picture, chosen) {
  const file = chosen.get(picture.dataset.input)?.[picture.dataset.place];
  if (!file) return;
  const sharp = new Image();
  sharp.addEventListener("load", () => {
    picture.src = sharp.src;
    picture.classList.add("sharp");
  });
  sharp.src = addressOf(file);
}

async function ask(event) {
  event.preventDefault();
  const [first] = choosers;
  if (asking || choosers.reduce((sum, one) => sum + one.size, 0) > Number(first.said.mostBytes)) {
    if (!asking) first.complain(first.said.tooLarge);
    return;
  }
  asking = true;
  const form = event.currentTarget;
  const button = form.querySelector("button[type=submit]");
  const [address, label] = [event.submitter?.getAttribute("formaction") ?? form.action, button.textContent];
  button.textContent = button.dataset.busy;
  form.ariaBusy = "true";
  try {
    const body = new FormData(form, event.submitter);
    const response = await fetch(address, { method: "POST", body, headers: { Accept: "text/html" } });
    if (!response.headers.get("Content-Type")?.startsWith("text/html")) {
      first.complain(response.status === 413 ? first.said.tooLarge : first.said.away);
      return;
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    history.replaceState(null, "", response.url);
    turnTo(page);
  } catch {
    first.complain(first.said.away);
  } finally {
    asking = false;
    button.textContent = label;
    form.ariaBusy = null;
  }
}

/** Puts an answered page in the place of this one, with the photos still chosen. */
function turnTo(page) {
  const chosen = new Map(choosers.map((one) => [one.name, one.files]));
  document.documentElement.lang = page.documentElement.lang;
  document.title = page.title;
  document.body.replaceWith(page.body);
  start(chosen);
  const told = document.querySelector("[autofocus]") ?? document.querySelector("#result-title");
  if (!told) return;
  told.tabIndex = -1;
  told.focus();
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") && choosers.length > 0;

function chooserAt(target) {
  return choosers.find((one) => one.root.contains(target)) ?? choosers[0];
}

document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  for (const one of choosers) one.root.classList.toggle("over", one === chooserAt(event.target));
});

for (const end of ["dragleave", "drop"]) {
  document.addEventListener(end, (event) => {
    if (end === "drop" || !event.relatedTarget) {
      for (const one of choosers) one.root.classList.remove("over");
    }
  });
}

document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  chooserAt(event.target).add([...event.dataTransfer.files]);
});

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length || !choosers.length) return;
  event.preventDefault();
  chooserAt(document.activeElement).add(files);
});

start(new Map());
