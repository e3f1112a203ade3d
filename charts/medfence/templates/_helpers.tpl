{{/* One installation a cluster: CRDs, admission and cluster roles are the cluster's, so names are fixed. */}}
{{- define "medfence.selector" -}}
app.kubernetes.io/name: medfence
app.kubernetes.io/component: operator
{{- end }}

{{- define "medfence.labels" -}}
app.kubernetes.io/name: medfence
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "medfence.annotations" }}
{{- with .Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{/* The mode of a guard: (list . "own-objects"). YAML reads a bare off as false. */}}
{{- define "medfence.guard" -}}
{{- $mode := index (index . 0).Values.admission.guards (index . 1) -}}
{{- ternary "off" $mode (eq (toString $mode) "false") -}}
{{- end }}

{{- define "medfence.strongAuthentication" -}}
{{- $mode := .Values.admission.strongAuthentication.mode -}}
{{- ternary "off" $mode (eq (toString $mode) "false") -}}
{{- end }}

{{- define "medfence.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}
