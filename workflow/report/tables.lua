-- A table row of one bold cell and empty ones is a heading over the rows below it: one cell across the table.
-- Spaces in front of a cell's words are an indent. The first cell of a row is its head.

local function empty(cell)
  return #cell.contents == 0
end

local function heading(row)
  local first = row.cells[1]
  if not first or #row.cells < 2 or #first.contents ~= 1 then
    return false
  end
  local inlines = first.contents[1].content
  if not inlines or #inlines ~= 1 or inlines[1].t ~= "Strong" then
    return false
  end
  for i = 2, #row.cells do
    if not empty(row.cells[i]) then
      return false
    end
  end
  return true
end

function Table(table)
  for _, body in ipairs(table.bodies) do
    body.row_head_columns = 1
    for _, row in ipairs(body.body) do
      if heading(row) then
        local cell = row.cells[1]
        cell.col_span = #row.cells
        cell.alignment = pandoc.AlignLeft
        cell.attr = pandoc.Attr("", { "heading" })
        row.cells = { cell }
        row.attr = pandoc.Attr("", { "heading" })
      end
    end
  end
  return table
end
