{{/* "true" where a second kube-scheduler runs beside the extender. */}}
{{- define "bayplan.own" -}}
{{- if eq .Values.mode "own-scheduler" -}}true{{- end -}}
{{- end -}}

{{/* "true" where the extender is reached from outside its Pod. */}}
{{- define "bayplan.tls" -}}
{{- if or .Values.tls.enabled (eq .Values.mode "existing-scheduler") -}}true{{- end -}}
{{- end -}}

{{/* The extender's configuration as YAML: what the mode wants, and what `config` says over it. */}}
{{- define "bayplan.config" -}}
{{- $server := dict "port" 9443 "prefix" "/scheduler" "http_timeout_s" 30 "grace_s" 15 "drain_s" 0 -}}
{{- $config := dict "server" $server "state" (dict "nudge" true) "gangs" (dict "rollback" "report") -}}
{{- if include "bayplan.own" . -}}
{{- /* Its profile has no score plugins: one call says it all. */ -}}
{{- $_ := set $config "placement" (dict "at_filter" true) -}}
{{- $_ := set $config "preemption" (dict "schedulers" .Values.kubeScheduler.schedulerName) -}}
{{- else -}}
{{- $_ := set $config "preemption" (dict "schedulers" "default-scheduler") -}}
{{- end -}}
{{- if or .Values.grpc.enabled (not (include "bayplan.own" .)) -}}
{{- /* Until the Service has forgotten the Pod. */ -}}
{{- $_ := set $server "drain_s" 5 -}}
{{- end -}}
{{- if or (gt (int .Values.replicas) 1) .Values.config.leader -}}
{{- $name := include "bayplan.name" . -}}
{{- $leader := dict "on" (gt (int .Values.replicas) 1) "lease" (print $name "-controllers") "scheduler" $name -}}
{{- $_ := set $config "leader" $leader -}}
{{- end -}}
{{- if include "bayplan.tls" . -}}
{{- $_ := set $server "host" "0.0.0.0" -}}
{{- $folder := "/etc/bayplan-tls" -}}
{{- $files := dict "certificate" (print $folder "/tls.crt") "key" (print $folder "/tls.key") "client_ca" (print $folder "/ca.crt") -}}
{{- $_ := set $config "tls" $files -}}
{{- end -}}
{{- if .Values.grpc.enabled -}}
{{- $folder := "/etc/bayplan-grpc-tls" -}}
{{- $files := dict "certificate" (print $folder "/tls.crt") "key" (print $folder "/tls.key") "client_ca" (print $folder "/ca.crt") -}}
{{- $_ := set $config "grpc" (merge $files (dict "host" "0.0.0.0" "port" 9444)) -}}
{{- end -}}
{{- mergeOverwrite $config (deepCopy .Values.config) | toYaml -}}
{{- end -}}

{{/* A value as TOML: a queue is a table. */}}
{{- define "bayplan.value" -}}
{{- if kindIs "map" . -}}
{ {{- range $n, $key := keys . | sortAlpha }}{{ if $n }},{{ end }} {{ $key }} = {{ include "bayplan.value" (get $ $key) }}{{ end }} }
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}

{{/* The same as TOML. JSON's texts, numbers and truth values are TOML's, too. */}}
{{- define "bayplan.toml" -}}
# See `bayplan extender config` for all keys.
{{- range $table, $keys := include "bayplan.config" . | fromYaml }}
[{{ $table }}]
{{- range $key, $value := $keys }}
{{ $key }} = {{ include "bayplan.value" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The version of the second kube-scheduler. */}}
{{- define "bayplan.version" -}}
{{- $version := .Values.kubeScheduler.version | default .Values.kubeScheduler.image.tag -}}
{{- if not (regexMatch `^v?\d+\.\d+(\.\d+)?([-+].*)?$` $version) -}}
{{- fail (printf "kubeScheduler.image.tag: %s is no version; say in kubeScheduler.version which it is, such as v1.37.2" $version) -}}
{{- end -}}
{{- $version -}}
{{- end -}}

{{/* How kube-scheduler calls the extender. The choice has 10 and others 9 at most; from a weight of
     121 on the default score plugins (12 in all, 100 points each) cannot outweigh that. */}}
{{- define "bayplan.extenders" -}}
{{- $server := (include "bayplan.config" . | fromYaml).server -}}
{{- $tls := include "bayplan.tls" . -}}
{{- $own := include "bayplan.own" . -}}
{{- $host := ternary "127.0.0.1" (include "bayplan.host" .) (eq $own "true") -}}
- urlPrefix: {{ ternary "https" "http" (eq $tls "true") }}://{{ $host }}:{{ $server.port }}{{ $server.prefix }}
  filterVerb: filter
  prioritizeVerb: prioritize
  preemptVerb: preempt
  bindVerb: bind
  weight: {{ ternary 1 121 (eq $own "true") }}
  httpTimeout: {{ $server.http_timeout_s }}s
  nodeCacheCapable: true
  {{- if $tls }}
  {{- $folder := ternary "/etc/bayplan-tls" "/etc/kubernetes/bayplan" (eq $own "true") }}
  enableHTTPS: true
  tlsConfig:
    {{- if $own }}
    serverName: {{ include "bayplan.host" . }}
    {{- end }}
    caFile: {{ $folder }}/ca.crt
    certFile: {{ $folder }}/tls.crt
    keyFile: {{ $folder }}/tls.key
  {{- end }}
  {{- if not $own }}
  managedResources:
  - {name: nvidia.com/gpu, ignoredByScheduler: false}
  - {name: nvidia.com/gpumem, ignoredByScheduler: true}
  - {name: nvidia.com/gpumem-percentage, ignoredByScheduler: true}
  - {name: nvidia.com/gpucores, ignoredByScheduler: true}
  - {name: volcano.sh/vgpu-memory-percentage, ignoredByScheduler: true}
  - {name: koordinator.sh/gpu.shared, ignoredByScheduler: true}
  {{- end }}
{{- end -}}

{{/* Values that contradict each other, or what the extender can do. */}}
{{- define "bayplan.check" -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- if not (include "bayplan.own" .) -}}
{{- fail "replicas: a kube-scheduler of yours would call now one extender, now the other, and each keeps room that the other does not know of; write 1, or 0 to stop it" -}}
{{- end -}}
{{- if not (include "bayplan.config" . | fromYaml).leader.on -}}
{{- fail "config.leader.on: with two replicas the Leases say which of them acts; leave it out" -}}
{{- end -}}
{{- if .Values.grpc.enabled -}}
{{- fail "grpc.enabled: with two replicas only one of the extenders would know of the room that clients have committed; write replicas: 1, or leave it out" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not (include "bayplan.tls" .)) -}}
{{- fail "serviceMonitor.enabled: the extender is heard on the loopback of its Pod only; set tls.enabled, and name a Secret in tls.secretName" -}}
{{- end -}}
{{- if and .Values.config.tls (include "bayplan.tls" .) -}}
{{- fail "config.tls: tls.secretName names the certificates here; leave config.tls out" -}}
{{- end -}}
{{- if and .Values.config.tls (not (include "bayplan.tls" .)) -}}
{{- fail "config.tls: set tls.enabled, and name a Secret in tls.secretName; leave config.tls out" -}}
{{- end -}}
{{- if .Values.grpc.enabled -}}
{{- $told := .Values.config.grpc | default dict -}}
{{- range $key := list "host" "certificate" "key" "client_ca" -}}
{{- if hasKey $told $key -}}
{{- fail (printf "config.grpc.%s: with grpc.enabled the service is on all addresses, with the certificates of grpc.secretName; leave it out" $key) -}}
{{- end -}}
{{- end -}}
{{- $config := include "bayplan.config" . | fromYaml -}}
{{- if or (not (int $config.grpc.port)) (eq (int $config.grpc.port) (int $config.server.port)) -}}
{{- fail "config.grpc.port: grpc.enabled needs a port of its own; leave it out for 9444" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The ports that may be reached, as YAML: those of the API server, and where metrics of GPUs are read. */}}
{{- define "bayplan.ports" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.apiServerPorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- $health := .Values.config.health | default dict -}}
{{- range $url := list $health.prometheus $health.exporter -}}
{{- if $url -}}
{{- $parts := urlParse (replace "{node}" "node" $url) -}}
{{- $port := regexFind ":[0-9]+$" $parts.host | trimPrefix ":" | default (ternary "443" "80" (eq $parts.scheme "https")) -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- end -}}
{{- uniq $ports | toYaml -}}
{{- end -}}
