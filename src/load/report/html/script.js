const bubble = document.getElementById("bubble");
addEventListener("mousemove", (event) => {
  const tip = event.target.dataset && event.target.dataset.tip;
  bubble.style.opacity = tip ? 1 : 0;
  if (!tip) return;
  bubble.textContent = tip;
  const left = event.clientX + 16, beyond = left + bubble.offsetWidth > innerWidth - 8;
  bubble.style.left = (beyond ? event.clientX - bubble.offsetWidth - 16 : left) + "px";
  bubble.style.top = Math.max(8, event.clientY - bubble.offsetHeight - 8) + "px";
});
