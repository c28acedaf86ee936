// The page that browsers get: which version of which service answered, and from which space.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value) => String(value).replace(/[&<>"]/g, (character) => escapes[character]);

const row = (hop) =>
  hop.error
    ? `<tr class="failed"><th>${text(hop.service)}<td colspan="2">${text(hop.error)}`
    : `<tr><th>${text(hop.service)}<td>${text(hop.version)}<td>${text(hop.space)}`;

export function render({ product, key, hops }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${text(product)}${key ? `, as ${text(key)} sees it` : ''}</title>
<style>
  body { font: 1.1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 36rem; padding: 0 1rem }
  table { border-collapse: collapse; width: 100% }
  th, td { border-bottom: 1px solid #ccc; padding: .4rem .8rem; text-align: left }
  .failed td { color: #b00020 }
</style>
<h1>A ${text(product)}</h1>
<p>${key ? `As <b>${text(key)}</b> sees it.` : 'As everybody sees it.'} Who answered:</p>
<table>
<tr><th>service<th>version<th>space
${hops.map(row).join('\n')}
</table>
</html>
`;
}
