-- What each format makes of the report's parts. On the page a folded table opens by a click; in the PDF and the document folded tables stand
-- at the end, as supplements. The parts of the answer stand side by side where there is room.

local folded = {}

local function typst(blocks)
  return (pandoc.write(pandoc.Pandoc(blocks), "typst"):gsub("%s+$", ""))
end

local function quoted(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"') .. '"'
end

local function escaped(text)
  return (text:gsub("&", "&amp;"):gsub('"', "&quot;"):gsub("<", "&lt;"):gsub(">", "&gt;"))
end

local function raw(text)
  return pandoc.RawBlock(FORMAT:match("html") and "html" or "typst", text)
end

local function columns(div, call)
  local cells = {}
  for _, block in ipairs(div.content) do
    cells[#cells + 1] = "[" .. typst({ block }) .. "]"
  end
  return raw("#" .. call .. "(" .. table.concat(cells, ", ") .. ")")
end

-- The results of a single cohort, which may stand in two columns.
local function single(answer)
  local results = {}
  for _, block in ipairs(answer.content) do
    if not (block.t == "RawBlock" and block.text:match("^#result")) then
      return nil
    end
    results[#results + 1] = "[" .. block.text .. "]"
  end
  return #results > 3 and raw("#results(" .. table.concat(results, ", ") .. ")") or nil
end

local function strip(div)
  local cells = {}
  div.content:walk({
    DefinitionList = function(list)
      for _, item in ipairs(list.content) do
        local told = typst(item[2][1])
        cells[#cells + 1] = "fact[" .. typst({ pandoc.Plain(item[1]) }) .. "][" .. told .. "]"
      end
    end,
  })
  return raw("#facts(title-block, " .. table.concat(cells, ", ") .. ")")
end

local function formula(div)
  local alt, math = div.attributes.alt, nil
  div.content:walk({ Math = function(found) math = found end })
  if FORMAT == "typst" then
    local body = typst({ pandoc.Plain({ pandoc.Math("InlineMath", math.text) }) })
    return raw("#math.equation(block: true, alt: " .. quoted(alt) .. ", " .. body .. ")")
  elseif FORMAT:match("html") then
    local options = pandoc.WriterOptions({ html_math_method = "mathml" })
    local drawn = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ math }) }), "html", options)
    return raw('<div class="formula" role="img" tabindex="0" aria-label="' .. escaped(alt) .. '">' .. drawn .. "</div>")
  end
  -- A line of its own for each equation: the mark at which lines are aligned is printed by LibreOffice as a question mark.
  -- Brackets in pairs: one alone as the argument of a sum, or with an exponent, is printed as one too.
  local text = math.text:gsub("\\left%(", "("):gsub("\\right%)", ")"):gsub("%(", "\\left("):gsub("%)", "\\right)")
  local lines = {}
  for line in (text:gsub("\\begin{aligned}", ""):gsub("\\end{aligned}", "") .. "\\\\"):gmatch("(.-)\\\\") do
    lines[#lines + 1] = pandoc.Para({ pandoc.Math("DisplayMath", (line:gsub("^%s*&", ""))) })
  end
  lines[#lines + 1] = pandoc.Div({ pandoc.Para({ pandoc.Str("In words: " .. alt) }) }, { ["custom-style"] = "Table Notes" })
  return lines
end

function Div(div)
  local kind = div.classes[1]
  if kind == "formula" then
    return formula(div)
  end
  if kind == "fold" then
    if FORMAT:match("html") then
      local summary = table.remove(div.content, 1)
      local words = pandoc.write(pandoc.Pandoc(summary.content), "html"):gsub("</?p>", ""):gsub("%s+$", "")
      local out = { raw('<details class="fold"><summary>' .. words .. "</summary>") }
      for _, block in ipairs(div.content) do
        out[#out + 1] = block
      end
      out[#out + 1] = raw("</details>")
      return out
    end
    for place = 2, #div.content do
      folded[#folded + 1] = div.content[place]
    end
    return {}
  end
  if FORMAT:match("html") and kind == "flag" then
    return {} -- it stands above the title, which is the template's
  end
  if kind == "lead" then -- a sentence that stays with the list after it
    return FORMAT == "typst" and raw("#block(sticky: true)[" .. typst(div.content) .. "]") or div.content
  end
  if FORMAT == "typst" then
    if kind == "notes" then
      return raw("#notes[" .. typst(div.content) .. "]")
    elseif kind == "flag" then
      return raw("#flag[" .. typst(div.content) .. "]")
    elseif kind == "strip" then
      return strip(div)
    elseif kind == "answers" then
      return #div.content == 1 and single(div.content[1]) or columns(div, "answers")
    elseif kind == "asides" then
      return columns(div, "asides")
    elseif kind == "result" then
      local headline = typst({ pandoc.Plain(div.content[1].content[1].content) })
      local precise = div.content[2] and typst({ pandoc.Plain(div.content[2].content) }) or ""
      return raw("#result[" .. headline .. "][" .. precise .. "]")
    elseif kind == "table-of" then
      local rows = 0
      div.content:walk({ Table = function(found) rows = rows + #found.bodies[1].body end })
      local whole = rows <= 12 -- a short one is not cut
      return {
        raw("// float " .. div.identifier),
        raw(whole and "#block(breakable: false)[" or "#["), pandoc.Div(div.content, div.attr), raw("]"),
        raw("// end"),
      }
    elseif kind == "foot" then
      return raw("#foot[" .. typst(div.content) .. "]")
    elseif kind == "answer" or kind == "aside" then
      return pandoc.Div(div.content)
    end
  end
end

function Figure(figure)
  if FORMAT ~= "typst" then
    return nil
  end
  local image
  figure.content:walk({ Image = function(found) image = found end })
  if not image then
    return nil
  end
  local alt = image.attributes.alt or pandoc.utils.stringify(image.caption)
  local told = quoted(image.src) .. ", " .. quoted(alt) .. ", [" .. typst(figure.caption.long) .. "]"
  if figure.identifier == "figure-forest" then
    return raw("#first-figure(\n// told\n" .. told .. ",\n// beside\n[]\n// end\n) <figure-forest>")
  end
  local call = "#drawn-figure(" .. told .. ") <" .. figure.identifier .. ">"
  return { raw("// float " .. figure.identifier), raw(call), raw("// end") }
end

function Pandoc(doc)
  local blocks, first = {}, true
  for i, block in ipairs(doc.blocks) do
    local above = blocks[#blocks]
    if FORMAT == "typst" and block.t == "RawBlock" and block.text:match("^#asides") and above and above.text and above.text:match("^#first%-figure") then
      -- The figure of the answer is as large as what stands below it leaves room for.
      above.text = above.text:gsub("\n%[%]\n// end\n", function() return "\n[" .. block.text .. "]\n// end\n" end)
    elseif block.t == "Div" and block.classes[1] == "front" and not FORMAT:match("docx") then
      doc.meta.front = pandoc.MetaBlocks(block.content)
    else
      if block.t == "Header" and block.level == 1 then
        if not first and FORMAT == "typst" and not doc.meta.begun then
          doc.meta.begun = true
          blocks[#blocks + 1] = raw("#contents()")
        end
        first = false
      end
      blocks[#blocks + 1] = block
    end
  end
  if #folded > 0 then
    blocks[#blocks + 1] = pandoc.Header(1, "Supplementary tables", pandoc.Attr("supplement"))
    if FORMAT == "typst" then
      blocks[#blocks + 1] = raw("// supplement")
    end
    for _, block in ipairs(folded) do
      blocks[#blocks + 1] = block
    end
  end
  doc.blocks = blocks
  return doc
end

return { { Div = Div, Figure = Figure }, { Pandoc = Pandoc } }
