"use strict";
// What all scripts of the page share: the groups' names, and how numbers are written.

const names = JSON.parse(document.getElementById("names").textContent);

function written(value) {
  const size = Math.abs(value);
  const digits = size >= 1e5 || (size > 0 && size < 0.005) ? size.toExponential(1) : size.toFixed(size < 100 ? 2 : 1);
  return (value < 0 ? "\u2212" : "+") + digits;
}

// The same on a picture whose largest number is known: what is nothing beside it is written as nothing.
function writtenBeside(value, largest) {
  return Math.abs(value) < 0.005 && largest >= 0.5 ? "0.00" : written(value);
}
