--[[ In KumoMTA's place: as much of its documented interface as a policy for incoming mail needs, as strict as the real
one. Run with a policy's file; then each line of standard input is one message, a Lua table, and each line of standard
output tells what the SMTP client is answered, or asks for an HTTP exchange or the value of a JSON text, which comes as the
next line of standard input. ]]

local handlers, warnings = {}, {}

local function tell(kind, ...)
  local parts = { kind }
  for _, part in ipairs { ... } do
    parts[#parts + 1] = (tostring(part):gsub('.', function(octet)
      return string.format('%02x', octet:byte())
    end))
  end
  io.write(table.concat(parts, ' '), '\n')
  io.flush()
end

local function heard()
  local line = io.read 'l' or os.exit(0)
  return assert(load('return ' .. line, line, 't', {}))()
end

local function text(value, what)
  assert(type(value) == 'string', what .. ': not a string')
  return value
end

-- Rust's strings are UTF-8: what is not cannot be handed over.
local function utf8_text(value, what)
  assert(utf8.len(text(value, what)), what .. ': invalid utf-8 sequence')
  return value
end

local function json(value)
  local kind = type(value)
  if kind == 'string' then
    return '"' .. utf8_text(value, 'json'):gsub('[%c"\\]', function(octet)
      return string.format('\\u%04x', octet:byte())
    end) .. '"'
  elseif kind == 'number' or kind == 'boolean' then
    return tostring(value)
  end
  assert(kind == 'table' and next(value) ~= nil, 'json: ' .. kind .. ' is ambiguous')
  local parts = {}
  if #value > 0 then
    for _, item in ipairs(value) do
      parts[#parts + 1] = json(item)
    end
    return '[' .. table.concat(parts, ',') .. ']'
  end
  for name, member in pairs(value) do
    parts[#parts + 1] = json(name) .. ':' .. json(member)
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

local Response = {}
Response.__index = Response

function Response:status_code()
  return self.status
end

-- What the server has said of it.
function Response:content_length()
  return self.length
end

-- The body can be had once. One that is no UTF-8 is told with replacement characters.
function Response:text()
  assert(not self.read, 'broken response wrapper')
  self.read = true
  tell 'text'
  return heard().body
end

local Request = {}
Request.__index = Request

function Request:header(name, value)
  assert(utf8_text(name, 'header'):match '^[%w-]+$', 'header: invalid name')
  assert(not utf8_text(value, 'header'):match '%c', 'header: invalid value')
  self.fields[#self.fields + 1] = { name, value }
  return self
end

function Request:bearer_auth(token)
  return self:header('Authorization', 'Bearer ' .. text(token, 'bearer_auth'))
end

function Request:body(body)
  self.content = utf8_text(body, 'body')
  return self
end

-- A request can be sent once.
function Request:send()
  assert(self.url, 'broken request builder')
  local fields = {}
  for _, field in ipairs(self.fields) do
    fields[#fields + 1] = field[1] .. ': ' .. field[2]
  end
  tell('http', self.url, self.timeout, table.concat(fields, '\n'), self.content or '')
  self.url = nil
  local answer = heard()
  if answer.error then
    error(setmetatable({}, {
      __tostring = function()
        return answer.error
      end,
    }))
  end
  return setmetatable({ status = answer.status, length = answer.length }, Response)
end

local Client = {}
Client.__index = Client

function Client:post(url)
  assert(utf8_text(url, 'post'):match '^https?://', 'relative URL without a base')
  return setmetatable({ url = url, timeout = self.timeout, fields = self.agent }, Request)
end

local CLIENT = { user_agent = true, pool_idle_timeout = true, timeout = true }

local kumo = { http = {}, serde = {}, secrets = {} }

function kumo.http.build_client(parameters)
  for name in pairs(parameters) do
    assert(CLIENT[name], 'build_client: unknown field ' .. name)
  end
  local amount, unit = text(parameters.timeout or '60s', 'timeout'):match '^(%d+)(m?s)$'
  assert(amount, 'timeout: not a duration')
  local agent = parameters.user_agent and { { 'User-Agent', parameters.user_agent } } or {}
  local timeout = unit == 'ms' and amount or amount * 1000
  return setmetatable({ timeout = timeout, agent = agent }, Client)
end

function kumo.serde.json_encode(value)
  return json(value)
end

function kumo.serde.json_parse(document)
  tell('json', text(document, 'json_parse'))
  local answer = heard()
  if answer.error then
    error(answer.error)
  end
  return answer.value
end

-- A keysource that is a string is a file's path.
function kumo.secrets.load(source)
  if type(source) == 'table' then
    return assert(source.key_data, 'no such keysource')
  end
  local file <close> = assert(io.open(source, 'rb'))
  return file:read 'a'
end

function kumo.on(event, handler)
  handlers[event] = handler
end

function kumo.reject(code, message)
  assert(math.type(code) == 'integer' and code >= 400 and code < 600, 'reject: not a code')
  error { code = code, message = utf8_text(message, 'reject') }
end

function kumo.log_warn(...)
  local parts = table.pack(...)
  for index = 1, parts.n do
    parts[index] = tostring(parts[index])
  end
  warnings[#warnings + 1] = table.concat(parts, ' ')
end

local function message_of(told)
  local message = {}
  function message.id()
    return told.id
  end
  function message.get_data()
    return told.unreadable and error 'the data is not there' or told.data
  end
  function message.recipient_list()
    local list = {}
    for index, recipient in ipairs(told.to) do
      list[index] = setmetatable({ email = recipient }, {
        __tostring = function(self)
          return self.email
        end,
      })
    end
    return list
  end
  return message
end

package.preload.kumo = function()
  return kumo
end
_G.kumo = kumo
local ok, failure = pcall(dofile, arg[1])
tell(ok and 'ready' or 'failed', ok and '' or failure)

while true do
  local told = heard()
  warnings = {}
  local conn_meta = {}
  function conn_meta.get_meta(_, name)
    return told.meta[name]
  end
  local passed, rejection = pcall(handlers.smtp_server_data, message_of(told), conn_meta)
  local warned = table.concat(warnings, '\n')
  if passed then
    tell('answer', '250 OK ids=' .. told.id, warned)
  elseif type(rejection) == 'table' and rejection.code then
    tell('answer', rejection.code .. ' ' .. rejection.message, warned)
  else
    tell('answer', '421 4.3.0 gw.test technical difficulties', warned .. tostring(rejection))
  end
end
