// Checks an entry of the log in the reader's own browser: its leaf hash and inclusion proof (RFC
// 6962, RFC 9162 section 2.1.3.2) give the root that the checkpoint must have, and the checkpoint's
// signature (C2SP signed-note, Ed25519) is checked with the log's key.
(async () => {
  "use strict";
  const proof = document.getElementById("proof");
  if (!proof) return;
  const verdict = document.getElementById("verdict");

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const text = (data) => btoa(String.fromCharCode(...data));
  const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const sha256 = async (...parts) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
  const node = (left, right) => sha256([1], left, right);

  const say = (good, words) => {
    verdict.replaceChildren();
    const said = document.createElement("span");
    said.className = `state ${good ? "good" : "bad"}`;
    said.textContent = `${good ? "✓" : "✗"} ${words}`;
    verdict.append(said);
  };

  async function root(leaf, index, size, hashes) {
    let at = BigInt(index), last = BigInt(size) - 1n, hash = leaf;
    for (const beside of hashes) {
      if (last === 0n) return null; // too many hashes
      if (at & 1n || at === last) {
        hash = await node(beside, hash);
        while (!(at & 1n) && at !== 0n) { at >>= 1n; last >>= 1n; }
      } else {
        hash = await node(hash, beside);
      }
      at >>= 1n;
      last >>= 1n;
    }
    return last === 0n ? hash : null; // too few
  }

  // A note is text, an empty line, then signatures: "— NAME base64(key id, 4 bytes; signature)".
  async function signed(note, keyLine) {
    const end = note.lastIndexOf("\n\n");
    const [name, id, key] = (([n, i, ...k]) => [n, i, k.join("+")])(keyLine.split("+"));
    const raw = bytes(key);
    if (raw[0] !== 1) return null;
    const hash = await sha256(new TextEncoder().encode(`${name}\n`), raw);
    const known = [...hash.slice(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join("");
    if (known !== id) return false;
    const line = note.slice(end + 2).split("\n").find((one) => one.startsWith(`— ${name} `));
    if (end < 0 || !line) return false;
    const signature = bytes(line.slice(`— ${name} `.length));
    if (signature.slice(0, 4).some((b, i) => b !== hash[i])) return false;
    const imported = await crypto.subtle.importKey("raw", raw.slice(1), "Ed25519", false, ["verify"]);
    const said = new TextEncoder().encode(note.slice(0, end + 1));
    return crypto.subtle.verify("Ed25519", imported, signature.slice(4), said);
  }

  try {
    if (!globalThis.crypto?.subtle) throw new Error("no WebCrypto on this address");
    const given = proof.dataset;
    const note = new TextDecoder().decode(bytes(given.note));
    const [, size, head] = note.split("\n");
    const leaf = await sha256([0], bytes(given.entry));
    const hashes = given.hashes ? given.hashes.split(" ").map(bytes) : [];
    const worked = await root(leaf, given.index, size, hashes);
    document.getElementById("leaf").textContent = text(leaf);
    document.getElementById("worked").textContent = worked ? text(worked) : "the proof has a wrong length";
    const included = worked !== null && text(worked) === head;
    let signature;
    try {
      signature = await signed(note, given.key);
    } catch {
      signature = null; // a browser without Ed25519
    }
    document.getElementById("signature").textContent =
      signature === null ? "this browser cannot check Ed25519; the verifier does"
        : signature ? "right for the log's key" : "WRONG for the log's key";
    if (!included) say(false, "This entry is NOT in the signed log: the roots differ.");
    else if (signature === false) say(false, "The checkpoint's signature is wrong.");
    else say(true, "Checked in this browser: the entry is in the signed log.");
  } catch (fault) {
    say(false, `It could not be checked here: ${fault.message}.`);
  }
})();
