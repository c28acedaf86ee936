"""The scripts that read a key where no format string can: in a list, or in a host.

They follow ``spaces.headers`` and ``spaces.hosts`` to the letter; tests with a real Envoy hold them to it.
A script runs for a request whose key is in none of the two plain headers and may be elsewhere; at the gateway
it runs for every request, because there the key also has to be written down.
"""

from __future__ import annotations

from collections.abc import Mapping

from alcove.routing.envoy.names import KEY, REROUTED, SCANNED, VIA
from alcove.spaces.headers import BAGGAGE, KUBERNETES_ROUTE_AS, ROUTE_AS
from alcove.spaces.hosts import LONGEST_HOST, LONGEST_LABEL

CARRIERS = "carriers"
CARRIERS_AND_HOST = "carriers-and-host"
ENTRY = "entry"
NOBODY = "nobody"

_READING = f"""
local function first(headers, name)
  local value = headers:getAtIndex(name, 0)
  if value ~= nil and value ~= "" then return value end
end

local function member(list)
  for part in string.gmatch(list or "", "[^,]+") do
    local name, value = string.match(part, "^%s*(.-)%s*=%s*([^;]*)")
    if name == "{ROUTE_AS}" then
      value = string.gsub(value, "%s+$", "")
      value = string.gsub(value, "%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)
      if value ~= "" then return value end
      return nil
    end
  end
end

local function carried(headers)
  return first(headers, "{ROUTE_AS}") or first(headers, "{KUBERNETES_ROUTE_AS}")
      or member(headers:get("{BAGGAGE}"))
end

local function prefix(authority)
  local host = string.gsub(string.lower(authority or ""), ":%d+$", "")
  host = string.gsub(host, "%.+$", "")
  local child = string.match(host, "^([a-z0-9][-a-z0-9]*)%.s%..")
  if child and #child <= {LONGEST_LABEL} and string.sub(child, -1) ~= "-" then return child end
end

local function settle(handle, key)
  handle:headers():replace("{SCANNED}", "1")
  if key then handle:headers():replace("{KEY}", "." .. key) end
  handle:clearRouteCache()
end
"""

_WRITING = f"""
local function write(headers, key)
  if not first(headers, "{ROUTE_AS}") then headers:replace("{ROUTE_AS}", key) end
  local kept = {{}}
  for part in string.gmatch(headers:get("{BAGGAGE}") or "", "[^,]+") do
    local trimmed = string.match(part, "^%s*(.-)%s*$")
    local name = string.match(part, "^%s*(.-)%s*=") or trimmed
    if trimmed ~= "" and name ~= "{ROUTE_AS}" then table.insert(kept, trimmed) end
  end
  local function quote(sign) return string.format("%%%02X", string.byte(sign)) end
  local quoted = string.gsub(key, "[^%w%-%._~]", quote)
  table.insert(kept, "{ROUTE_AS}=" .. quoted)
  headers:replace("{BAGGAGE}", table.concat(kept, ","))
end
"""

_READ_CARRIERS = """
function envoy_on_request(handle)
  settle(handle, carried(handle:headers()))
end
"""

_READ_HOST_TOO = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local key = carried(headers)
  if not key then
    key = prefix(headers:get(":authority"))
    if key then write(headers, key) end
  end
  settle(handle, key)
end
"""

_ENTER = f"""
function envoy_on_request(handle)
  local headers = handle:headers()
  local key = carried(headers) or prefix(headers:get(":authority"))
  if key then write(headers, key) end
  local kind = string.match(headers:get("content-type") or "", "^application/grpc(.?)")
  if kind and kind ~= "-" then headers:replace("{VIA}", "{REROUTED}") end
  settle(handle, key)
end
"""

# What is said of the host is a name or nothing: whoever asks must not be able to write a page of ours.
_TELL_NOBODY = f"""
function envoy_on_request(handle)
  local host = string.lower(handle:headers():get(":authority") or "")
  local name = string.gsub(host, ":%d+$", "")
  local plain = #name <= {LONGEST_HOST} and string.match(name, "^[a-z0-9._-]+$")
  local said = plain and ("the host " .. plain) or "a host whose name is none"
  local text = "Nobody serves " .. said .. ".\\n\\n"
    .. "An Ingress of the class alcove or traefik-azds makes a host: kubectl get ingresses -A\\n"
  local child = prefix(host)
  if child and plain then
    text = text .. "The prefix " .. child .. ".s. needs a space " .. child
      .. " below the one that the host is of: alcove space list\\n"
  end
  text = text .. "These there are: alcove list-uris --all\\n"
  local headers = {{[":status"] = "404", ["content-type"] = "text/plain; charset=utf-8"}}
  headers["x-content-type-options"] = "nosniff"
  handle:respond(headers, text)
end
"""

SOURCES: Mapping[str, str] = {
    CARRIERS: _READING + _READ_CARRIERS,
    CARRIERS_AND_HOST: _READING + _WRITING + _READ_HOST_TOO,
    ENTRY: _READING + _WRITING + _ENTER,
    NOBODY: _READING + _TELL_NOBODY,
}
